//! A simulated fleet: a thousand workers, five thousand documents, ten million pages, and the decisions of the real one.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::*;

const WORKERS: usize = 1_000;
const DOCUMENTS: usize = 5_000;
const PAGES: u32 = 2_000;
const PART: u32 = 16;
/// Of a thousand messages so many end with their worker.
const DEATHS_PER_THOUSAND: u32 = 20;

#[derive(Clone)]
enum Message {
    Document(usize),
    Range {
        document: usize,
        range: JobPages,
        is_resumed: bool,
    },
}

#[derive(Clone, Default)]
struct Folder {
    parts: Vec<PagePositions>,
    has_plan: bool,
    closed: Option<(u32, u32)>,
    results: u32,
}

/// The fleet, at a moment: time is counted in pages that one worker reads.
struct Fleet {
    random: StdRng,
    queue: VecDeque<Message>,
    folders: Vec<Folder>,
    /// Workers by the time at which they are free.
    busy: BinaryHeap<Reverse<(u64, usize)>>,
    work: Vec<Option<Message>>,
    read: u64,
    deaths: u64,
    shared: usize,
    deepest: usize,
}

impl Fleet {
    fn send(&mut self, message: Message) {
        self.queue.push_back(message);
        self.deepest = self.deepest.max(self.queue.len());
    }

    fn run(&mut self) -> u64 {
        let (mut now, mut idle): (u64, Vec<usize>) = (0, (0..WORKERS).collect());
        loop {
            while let (Some(worker), false) = (idle.last().copied(), self.queue.is_empty()) {
                idle.pop();
                let message = self.queue.pop_front().expect("it is not empty");
                let took = self.begin(&message);
                self.work[worker] = Some(message);
                self.busy.push(Reverse((now + took, worker)));
            }
            let Some(Reverse((then, worker))) = self.busy.pop() else {
                return now;
            };
            now = then;
            let message = self.work[worker].take().expect("it was busy");
            match self.end(message) {
                Some(goes_on) => {
                    self.busy
                        .push(Reverse((now + self.begin(&goes_on), worker)));
                    self.work[worker] = Some(goes_on);
                }
                None => idle.push(worker),
            }
        }
    }

    /// The time that a message takes; a document's is that of its next part.
    fn begin(&self, message: &Message) -> u64 {
        match message {
            Message::Document(_) => u64::from(PART),
            Message::Range {
                document, range, ..
            } => {
                let missing = self.cover(*document).missing(&positions(range));
                missing.iter().map(|part| part.clone().count() as u64).sum()
            }
        }
    }

    fn cover(&self, document: usize) -> PartCover {
        PartCover::new(self.folders[document].parts.clone())
    }

    /// A worker has done its piece. Gives the message if it goes on with it.
    fn end(&mut self, message: Message) -> Option<Message> {
        let dies = self.random.random_range(0..1_000) < DEATHS_PER_THOUSAND;
        if dies {
            self.deaths += 1;
        }
        match message {
            Message::Document(document) => {
                self.read += u64::from(PART);
                if dies {
                    self.queue.push_front(Message::Document(document));
                    return None;
                }
                let first = self.cover(document).first_missing(&(1..=PAGES))?;
                let folder = &mut self.folders[document];
                folder.parts.push(first..=(first + PART - 1).min(PAGES));
                if first + PART > PAGES {
                    *folder = Folder {
                        results: folder.results + 1,
                        ..Folder::default()
                    };
                    return None;
                }
                let waiting = u32::try_from(self.queue.len()).expect("it is short");
                if !may_share(waiting, WORKERS as u32) {
                    return Some(Message::Document(document));
                }
                self.shared += 1;
                self.folders[document].has_plan = true;
                let begun = begin(&self.cover(document), PAGES, PART, 1.0, WORKERS as u32);
                for range in begun {
                    self.send(Message::Range {
                        document,
                        range,
                        is_resumed: false,
                    });
                }
            }
            Message::Range {
                document,
                range,
                is_resumed,
            } => {
                self.range(document, range, is_resumed, dies);
            }
        }
        None
    }

    fn range(&mut self, document: usize, range: JobPages, is_resumed: bool, dies: bool) {
        let again = Message::Range {
            document,
            range: range.clone(),
            is_resumed: true,
        };
        let mut step = on_delivery(
            self.state(document, &self.cover(document)),
            &range,
            is_resumed,
        );
        if step == RangeStep::Read {
            let missing = self.cover(document).missing(&positions(&range));
            let pages: u64 = missing.iter().map(|part| part.clone().count() as u64).sum();
            self.read += pages;
            // Its worker dies before or after it has stored the part.
            let is_lost = dies && self.random.random_bool(0.5);
            if !is_lost {
                self.folders[document].parts.extend(missing);
            }
            if dies {
                return self.queue.push_front(again);
            }
            let cover = self.cover(document);
            step = on_read(self.state(document, &cover), &range, is_resumed, true);
        } else if dies {
            return self.queue.push_front(again);
        }
        match step {
            RangeStep::Nothing | RangeStep::Read => {}
            RangeStep::Sweep => self.folders[document].closed = None,
            RangeStep::GoOn => {
                if let Some(next) = next(&range, is_resumed, &self.cover(document)) {
                    self.send(Message::Range {
                        document,
                        range: next,
                        is_resumed: false,
                    });
                }
            }
            RangeStep::Close => {
                let claim = (range.first, range.last);
                let folder = &mut self.folders[document];
                if *folder.closed.get_or_insert(claim) == claim {
                    assert!(PartCover::new(folder.parts.clone()).covers(&(1..=PAGES)));
                    folder.results += 1;
                    *folder = Folder {
                        results: folder.results,
                        ..Folder::default()
                    };
                }
            }
        }
    }

    fn state<'a>(&self, document: usize, stored: &'a PartCover) -> FolderState<'a> {
        let folder = &self.folders[document];
        FolderState {
            stored,
            has_plan: folder.has_plan,
            is_closed: folder.closed.is_some(),
        }
    }
}

#[test]
fn a_thousand_workers_read_ten_million_pages_once() {
    let mut fleet = Fleet {
        random: StdRng::seed_from_u64(7),
        queue: (0..DOCUMENTS).map(Message::Document).collect(),
        folders: vec![Folder::default(); DOCUMENTS],
        busy: BinaryHeap::new(),
        work: vec![None; WORKERS],
        read: 0,
        deaths: 0,
        shared: 0,
        deepest: 0,
    };
    let took = fleet.run();
    let pages = u64::from(PAGES) * DOCUMENTS as u64;
    assert!(
        fleet.folders.iter().all(|folder| folder.results == 1),
        "one result each"
    );
    assert!(
        fleet.folders.iter().all(|folder| folder.parts.is_empty()),
        "nothing is left"
    );
    assert!(fleet.read >= pages);
    assert!(
        fleet.read <= pages + u64::from(PART) * fleet.deaths,
        "{} of {pages}",
        fleet.read
    );
    // In the best case all workers read all the time.
    let best = pages / WORKERS as u64;
    println!(
        "{pages} pages, {} deaths, {} documents shared out: {} read twice, at most {} messages, {:.3} of the best time",
        fleet.deaths,
        fleet.shared,
        fleet.read - pages,
        fleet.deepest,
        took as f64 / best as f64
    );
    assert!(took <= best * 115 / 100, "{took} of {best}");
}
