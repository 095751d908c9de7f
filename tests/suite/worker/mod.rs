//! `recto worker` between a real broker and a real store: nothing lost, nothing done twice, nothing hangs, all
//! accounted for, whatever fails.

// One job, and many: what is stored and what is said of it.
mod jobs;
// Jobs that cannot be done.
mod refused;
// Workers that die, stop or are kept waiting.
mod life;
// Broker and store in trouble.
mod trouble;
