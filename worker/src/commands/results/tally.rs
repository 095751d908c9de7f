//! Tally of the documents that have ended, by outcome. Each counts once, although a message may come more than once.

use std::collections::{BTreeMap, HashSet, VecDeque};

use recto_schemas::ResultState;

use super::result_message::MessageOutcome;

/// Documents whose ids are remembered. A message comes again soon or not at all, and this many ids take some ten
/// megabytes.
const MAX_REMEMBERED: usize = 200_000;

/// The number of documents so far, by outcome.
pub(super) struct ResultTally {
    wanted: Option<u64>,
    /// By state, in the order of `ResultState::ALL`.
    states: [u64; ResultState::ALL.len()],
    dead_letters: BTreeMap<&'static str, u64>,
    known: HashSet<String>,
    /// The known ids, oldest first.
    order: VecDeque<String>,
    max_known: usize,
}

impl ResultTally {
    /// Counts up to `wanted`, or without an end.
    pub(super) fn new(wanted: Option<u64>) -> Self {
        let wanted_ids = usize::try_from(wanted.unwrap_or(0)).unwrap_or(usize::MAX);
        Self {
            wanted,
            states: Default::default(),
            dead_letters: BTreeMap::new(),
            known: HashSet::new(),
            order: VecDeque::new(),
            max_known: MAX_REMEMBERED.max(wanted_ids),
        }
    }

    /// Returns true if this document was counted before.
    pub(super) fn contains(&self, id: &str) -> bool {
        self.known.contains(id)
    }

    /// Counts a document that was not counted before.
    pub(super) fn add(&mut self, id: &str, outcome: &MessageOutcome) {
        match outcome {
            MessageOutcome::Result(state) => {
                let at = ResultState::ALL.iter().position(|known| known == state);
                self.states[at.expect("ALL has every state")] += 1;
            }
            MessageOutcome::DeadLetter(kind) => {
                *self.dead_letters.entry(kind.as_str()).or_default() += 1
            }
        }
        if self.order.len() == self.max_known
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.known.insert(id.to_owned());
        self.order.push_back(id.to_owned());
    }

    /// Documents so far.
    pub(super) fn count(&self) -> u64 {
        self.states.iter().chain(self.dead_letters.values()).sum()
    }

    /// Returns true if as many have come as were wanted.
    pub(super) fn is_complete(&self) -> bool {
        self.wanted.is_some_and(|wanted| self.count() >= wanted)
    }

    /// Returns true if every document so far has a result with pages.
    pub(super) fn all_succeeded(&self) -> bool {
        self.of(ResultState::Failed) == 0 && self.dead_letters.is_empty()
    }

    fn of(&self, wanted: ResultState) -> u64 {
        let states = ResultState::ALL.iter().zip(&self.states);
        states
            .filter(|(state, _)| **state == wanted)
            .map(|(_, count)| count)
            .sum()
    }

    /// `300 of 300: 289 done, 4 partial, 7 dead-lettered (3 encrypted, 4 no-such-object)`.
    pub(super) fn summary(&self) -> String {
        let mut summary = match (self.wanted, self.count()) {
            (Some(wanted), count) => format!("{count} of {wanted}"),
            (None, 1) => "1 document".to_owned(),
            (None, count) => format!("{count} documents"),
        };
        let states = ResultState::ALL.map(ResultState::as_str).into_iter();
        let mut parts: Vec<String> = states
            .zip(self.states)
            .filter(|(_, count)| *count > 0)
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        if !self.dead_letters.is_empty() {
            let kinds = self
                .dead_letters
                .iter()
                .map(|(kind, count)| format!("{count} {kind}"));
            let kinds: Vec<String> = kinds.collect();
            let count: u64 = self.dead_letters.values().sum();
            parts.push(format!("{count} dead-lettered ({})", kinds.join(", ")));
        }
        if !parts.is_empty() {
            summary += &format!(": {}", parts.join(", "));
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use recto_schemas::FailureKind;

    use super::*;

    fn dead(kind: FailureKind) -> MessageOutcome {
        MessageOutcome::DeadLetter(kind)
    }

    #[test]
    fn the_summary_names_what_there_is() {
        let mut tally = ResultTally::new(Some(5));
        assert_eq!(tally.summary(), "0 of 5");
        tally.add("1", &MessageOutcome::Result(ResultState::Done));
        tally.add("2", &MessageOutcome::Result(ResultState::Partial));
        assert!(tally.all_succeeded() && !tally.is_complete());
        tally.add("3", &dead(FailureKind::NoSuchObject));
        tally.add("4", &dead(FailureKind::Encrypted));
        tally.add("5", &dead(FailureKind::Encrypted));
        let wanted = "5 of 5: 1 done, 1 partial, 3 dead-lettered (2 encrypted, 1 no-such-object)";
        assert_eq!(tally.summary(), wanted);
        assert!(tally.is_complete() && !tally.all_succeeded());
    }

    #[test]
    fn the_ids_that_are_remembered_are_bounded() {
        let mut tally = ResultTally::new(None);
        tally.max_known = 2;
        for id in ["1", "2", "3"] {
            tally.add(id, &MessageOutcome::Result(ResultState::Done));
        }
        assert!(!tally.contains("1") && tally.contains("2") && tally.contains("3"));
        assert_eq!(tally.summary(), "3 documents: 3 done");
    }
}
