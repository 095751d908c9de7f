//! Page ranges: how the pages of a long document are shared out among workers.
//!
//! There is no coordinator. The job's message becomes messages for ranges of pages, as many as there are lanes; whoever
//! has stored a range sends the message of the next one in its lane, so that a long document never has more than a few
//! messages in the queue before those of others. Whoever finds all pages stored claims to end the job, with a
//! conditional write, and assembles and stores the result. This module decides; it asks nobody, so that it can be
//! simulated with any number of workers.

use recto_pipeline::read::{PagePositions, PartCover};
use recto_schemas::JobPages;

use crate::document::parts::PAGES_PER_PART;

/// Fewest lanes.
const MIN_LANES: u32 = 8;

/// Lanes for each worker: one more than it has documents at once by default would only wait.
const LANES_PER_WORKER: u32 = 4;

/// Time that reading a range should take at least, in seconds: each one costs a download of the document.
const RANGE_S: f64 = 10.0;

/// Ranges that there should be at least for each worker, so that all end at about the same time.
const RANGES_PER_WORKER: u32 = 4;

/// Messages that wait in the queue for each worker, so that each has work without a share of a long document.
const WAITING_PER_WORKER: u32 = 4;

/// Returns true if a long document should be shared out: if there are other workers, which will soon have nothing else
/// to do. While there is other work, long documents are read whole, and the queue stays as short as it is.
pub(crate) fn may_share(waiting: u32, workers: u32) -> bool {
    workers > 1 && waiting <= workers.saturating_mul(WAITING_PER_WORKER)
}

/// The messages that begin to share out the pages from the first one that is not stored. `page_s` is the time that a
/// page takes.
pub(crate) fn begin(
    stored: &PartCover,
    pages: u32,
    part_pages: u32,
    page_s: f64,
    workers: u32,
) -> Vec<JobPages> {
    let Some(start) = stored.first_missing(&(1..=pages)) else {
        // The result alone is missing: one message is enough for that.
        return vec![range(pages, pages, 1, 1)];
    };
    let lanes = MIN_LANES.max(workers.saturating_mul(LANES_PER_WORKER));
    let parts = range_parts(pages - start + 1, part_pages, page_s, workers);
    let size = part_pages * parts;
    // Ranges end where parts end.
    let first_end = (start - 1) / size * size + size;
    let mut ranges = vec![JobPages {
        last: first_end.min(pages),
        ..range(start, pages, size, lanes)
    }];
    let mut first = first_end + 1;
    while first <= pages && ranges.len() < lanes as usize {
        let range = range(first, pages, size, lanes);
        if !stored.covers(&positions(&range)) {
            ranges.push(range);
        }
        first += size;
    }
    ranges
}

/// Parts in a range.
fn range_parts(pages: u32, part_pages: u32, page_s: f64, workers: u32) -> u32 {
    let wanted = (RANGE_S / (page_s * f64::from(part_pages)).max(1e-6)).ceil();
    let ranges = workers.max(1).saturating_mul(RANGES_PER_WORKER);
    let most = f64::from(pages) / f64::from(ranges) / f64::from(part_pages);
    // A number of parts, which is small.
    wanted.min(most).max(1.0) as u32
}

fn range(first: u32, total: u32, size: u32, lanes: u32) -> JobPages {
    JobPages {
        first,
        last: first.saturating_add(size - 1).min(total),
        total,
        size,
        lanes,
        part: PAGES_PER_PART,
    }
}

/// The positions of a range.
pub(crate) fn positions(range: &JobPages) -> PagePositions {
    range.first..=range.last
}

/// Pages of a part in a lane after one of its ranges was interrupted: whatever ends workers so soon may do it again.
const CAREFUL_PART: u32 = PAGES_PER_PART / 4;

/// Pages of a part of a range. `is_resumed` if it was interrupted before.
pub(crate) fn part_pages(of: &JobPages, is_resumed: bool) -> u32 {
    match is_resumed {
        true => of.part.min(CAREFUL_PART),
        false => of.part,
    }
}

/// The next range of a lane that is not stored. Its parts are twice as long as those of this one were, up to a full one.
pub(crate) fn next(of: &JobPages, is_resumed: bool, stored: &PartCover) -> Option<JobPages> {
    let part = part_pages(of, is_resumed);
    let part = match is_resumed {
        true => part,
        false => part.saturating_mul(2).min(PAGES_PER_PART),
    };
    let step = of.size.checked_mul(of.lanes)?;
    let mut first = (of.first - 1) / of.size * of.size + 1;
    loop {
        first = first.checked_add(step).filter(|first| *first <= of.total)?;
        let next = JobPages {
            part,
            ..range(first, of.total, of.size, of.lanes)
        };
        if !stored.covers(&positions(&next)) {
            return Some(next);
        }
    }
}

/// The folder of parts, as it is found by a worker with the message of a range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FolderState<'a> {
    pub(crate) stored: &'a PartCover,
    /// The pages are shared out, and the job has not ended.
    pub(crate) has_plan: bool,
    /// A message has claimed to end the job.
    pub(crate) is_closed: bool,
}

/// The step that the message of a range asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RangeStep {
    /// Nothing: the job has ended, or other messages see to it.
    Nothing,
    /// The job has ended: remove what is left.
    Sweep,
    /// Read the pages that are missing.
    Read,
    /// Send the next message of the lane.
    GoOn,
    /// Claim to end the job, and do it if no other message has.
    Close,
}

/// The step for the message of a range when it is delivered. `is_resumed` if it was delivered before: its worker may
/// have died before it sent the next message of the lane.
pub(crate) fn on_delivery(
    folder: FolderState<'_>,
    range: &JobPages,
    is_resumed: bool,
) -> RangeStep {
    let is_stored = folder.stored.covers(&positions(range));
    if !folder.has_plan {
        return match folder.is_closed || folder.stored.pages() > 0 {
            true => RangeStep::Sweep,
            false => RangeStep::Nothing,
        };
    }
    // Once it is closed, parts are on their way out: whoever closed it finds its claim.
    if folder.is_closed || folder.stored.covers(&(1..=range.total)) {
        RangeStep::Close
    } else if !is_stored {
        RangeStep::Read
    } else if is_resumed {
        RangeStep::GoOn
    } else {
        // A second message for the range, of which another worker has had the first.
        RangeStep::Nothing
    }
}

/// The step after the pages of a range were read. `stored_any` if this worker stored some of them: if not, another
/// worker had the same range and sends the next message.
pub(crate) fn on_read(
    folder: FolderState<'_>,
    range: &JobPages,
    is_resumed: bool,
    stored_any: bool,
) -> RangeStep {
    if !folder.has_plan {
        // The job ended while this worker, whose message was taken for lost, was reading.
        RangeStep::Sweep
    } else if folder.is_closed {
        RangeStep::Nothing
    } else if folder.stored.covers(&(1..=range.total)) {
        RangeStep::Close
    } else if stored_any || is_resumed {
        RangeStep::GoOn
    } else {
        RangeStep::Nothing
    }
}

#[cfg(test)]
mod simulation;

#[cfg(test)]
mod tests {
    use super::*;

    fn all_of(begun: &[JobPages], stored: &PartCover) -> Vec<PagePositions> {
        let mut ranges = Vec::new();
        for first in begun {
            let mut at = Some(first.clone());
            while let Some(range) = at {
                ranges.push(positions(&range));
                at = next(&range, false, stored);
            }
        }
        ranges.sort_by_key(|range| *range.start());
        ranges
    }

    #[test]
    fn the_lanes_together_have_each_missing_page_once() {
        for (stored, pages, workers, page_s) in [
            (vec![1..=19], 200, 2, 0.5),
            (vec![1..=16, 33..=48, 90..=100], 300, 1, 0.01),
            (vec![], 5_000, 100, 2.0),
            (vec![1..=2], 3, 3, 1.0),
            (vec![1..=100], 2_000, 3, 0.0),
        ] {
            let stored = PartCover::new(stored);
            let begun = begin(&stored, pages, 16, page_s, workers);
            let ranges = all_of(&begun, &stored);
            let mut next = stored.first_missing(&(1..=pages)).unwrap();
            for range in &ranges {
                assert!(stored.covers(&(next..=range.start() - 1)) || next == *range.start());
                assert!(!stored.covers(range));
                next = range.end() + 1;
            }
            assert!(
                next > pages || stored.covers(&(next..=pages)),
                "{next} of {pages}"
            );
        }
    }

    #[test]
    fn a_lane_is_careful_after_an_interruption_and_then_less_and_less() {
        let stored = PartCover::default();
        let first = range(1, 2_000, 16, 8);
        let second = next(&first, true, &stored).unwrap();
        let third = next(&second, false, &stored).unwrap();
        let fourth = next(&third, false, &stored).unwrap();
        assert_eq!(
            [&first, &second, &third, &fourth].map(|of| of.part),
            [16, 4, 8, 16]
        );
        assert_eq!(part_pages(&first, true), 4);
    }

    #[test]
    fn ranges_are_as_long_as_a_download_is_worth_and_enough_for_all() {
        let size = |pages, page_s, workers| {
            begin(&PartCover::default(), pages, 16, page_s, workers)[0].size
        };
        assert_eq!(size(1_000, 1.0, 3), 16, "16 s");
        assert_eq!(size(1_000, 0.2, 3), 64, "12.8 s");
        assert_eq!(size(1_000, 0.01, 3), 80, "twelve for three workers");
        assert_eq!(size(200, 0.01, 20), 16);
    }

    #[test]
    fn a_document_of_which_only_the_result_is_missing_has_one_message() {
        let stored = PartCover::new(vec![1..=40]);
        let begun = begin(&stored, 40, 16, 1.0, 9);
        assert_eq!(begun.len(), 1);
        let folder = FolderState {
            stored: &stored,
            has_plan: true,
            is_closed: false,
        };
        assert_eq!(on_delivery(folder, &begun[0], false), RangeStep::Close);
    }

    #[test]
    fn each_state_of_the_folder_has_its_step() {
        let range = range(17, 48, 16, 8);
        let at = |parts: &[PagePositions], has_plan, is_closed, is_resumed| {
            let stored = &PartCover::new(parts.to_vec());
            let folder = FolderState {
                stored,
                has_plan,
                is_closed,
            };
            on_delivery(folder, &range, is_resumed)
        };
        let all = [1..=16, 17..=32, 33..=48];
        assert_eq!(at(&[], false, false, true), RangeStep::Nothing, "ended");
        assert_eq!(at(&[], false, true, true), RangeStep::Sweep);
        assert_eq!(at(&[17..=32], false, false, true), RangeStep::Sweep);
        assert_eq!(at(&[1..=16, 17..=20], true, false, false), RangeStep::Read);
        assert_eq!(at(&[17..=32], true, false, false), RangeStep::Nothing);
        assert_eq!(at(&[17..=32], true, false, true), RangeStep::GoOn);
        assert_eq!(at(&all, true, false, false), RangeStep::Close);
        assert_eq!(at(&[], true, true, true), RangeStep::Close, "its own claim");
    }
}
