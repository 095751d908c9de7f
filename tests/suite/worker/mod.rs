//! `recto worker` between a real broker and a real store: nothing lost, nothing done twice, nothing hangs, all
//! accounted for, whatever fails.

mod jobs;
mod refused;
mod bounds;
mod strangers;
mod life;
mod orders;
mod outages;
mod parts;
mod sick;
