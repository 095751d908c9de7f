//! Parts: pages of a document that were read, kept where they outlive the process, so that none is read twice.

use std::{
    io::{self, Read as _},
    ops::RangeInclusive,
};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use recto_schemas::{PageOutcome, PageSummary, RawOutput, ReadWarning, Reason, UnreadLineRecord};
use serde::{Deserialize, Serialize};

use crate::{image::preview::PagePreview, text::PageContent};

/// Most bytes of a part's pages, uncompressed: a hundred times what dense pages have.
const MAX_PART_BYTES: u64 = 1 << 30;

/// A page that was read, with all that its assembly needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReadPage {
    pub(super) summary: PageSummary,
    pub(super) content: PageContent,
    pub(super) unread: Vec<UnreadLineRecord>,
    pub(super) raw: Option<RawOutput>,
    pub(super) preview: Option<PagePreview>,
    pub(super) warnings: Vec<ReadWarning>,
    /// True if it comes from a part.
    #[serde(skip)]
    pub(super) is_stored: bool,
}

impl ReadPage {
    /// Its entry in the manifest.
    pub fn summary(&self) -> &PageSummary {
        &self.summary
    }

    /// The reason for which it has no text, if it failed.
    pub fn failure(&self) -> Option<&Reason> {
        let reason = self.summary.reason.as_ref();
        reason.filter(|_| self.summary.outcome == PageOutcome::Failed)
    }
}

/// Consecutive pages among those that are read of a document: the first of them is 1, whatever its number.
pub type PagePositions = RangeInclusive<u32>;

/// A keeper of parts.
pub trait PartStore {
    /// Pages of a full part, at least 1. A part ends at each multiple of it.
    fn pages_per_part(&self) -> u32;

    /// The parts that are there of a document of which that many pages are read, in any order. They may overlap.
    ///
    /// # Errors
    /// The reason for which that is not known; reading stops.
    fn stored(&mut self, pages: u32) -> io::Result<Vec<PagePositions>>;

    /// The pages of a part that is there.
    ///
    /// # Errors
    /// The reason for which it cannot be had; reading stops.
    fn load(&mut self, part: &PagePositions) -> io::Result<Vec<ReadPage>>;

    /// A page was read now. It may take some pages until it is assembled, and some until its part is stored.
    fn page_read(&mut self, _page: &ReadPage) {}

    /// Keeps pages that were read now. `part` has as many of them.
    ///
    /// # Errors
    /// The reason for which they cannot be kept; reading stops.
    fn store(&mut self, part: PagePositions, pages: &[ReadPage]) -> io::Result<()>;
}

/// Pages of a part where none are kept.
const NEVER_FULL: u32 = u32::MAX;

/// Keeps nothing.
pub(super) struct NoParts;

impl PartStore for NoParts {
    fn pages_per_part(&self) -> u32 {
        NEVER_FULL
    }

    fn stored(&mut self, _pages: u32) -> io::Result<Vec<PagePositions>> {
        Ok(Vec::new())
    }

    fn load(&mut self, _part: &PagePositions) -> io::Result<Vec<ReadPage>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn store(&mut self, _part: PagePositions, _pages: &[ReadPage]) -> io::Result<()> {
        Ok(())
    }
}

/// The pages as a compressed sequence of MessagePack maps: unlike JSON it keeps every bit of a number.
///
/// # Errors
/// The pages cannot be written, which would be a defect.
pub fn encode_pages(pages: &[ReadPage]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    rmp_serde::encode::write_named(&mut encoder, pages).map_err(io::Error::other)?;
    encoder.finish()
}

/// The pages that [`encode_pages`] wrote.
///
/// # Errors
/// They are none, or those of another version.
pub fn decode_pages(bytes: &[u8]) -> io::Result<Vec<ReadPage>> {
    let decoder = ZlibDecoder::new(bytes).take(MAX_PART_BYTES);
    let mut pages: Vec<ReadPage> = rmp_serde::from_read(decoder)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    for page in &mut pages {
        page.is_stored = true;
    }
    Ok(pages)
}

/// The parts of a document's pages that are there, without those that others cover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartCover {
    /// In order; each goes beyond the one before it.
    parts: Vec<PagePositions>,
}

impl PartCover {
    /// The fewest of `parts` that cover what they all cover.
    pub fn new(mut parts: Vec<PagePositions>) -> Self {
        parts.retain(|part| part.start() <= part.end());
        // Of those that begin at the same page the longest comes first.
        parts.sort_by_key(|part| (*part.start(), u32::MAX - *part.end()));
        let mut cover: Vec<PagePositions> = Vec::new();
        for part in parts {
            if cover.last().is_some_and(|last| part.end() <= last.end()) {
                continue;
            }
            // The last one is not needed if the one before it reaches this one.
            if let [.., before, _] = cover.as_slice()
                && part.start().saturating_sub(1) <= *before.end()
            {
                cover.pop();
            }
            cover.push(part);
        }
        Self { parts: cover }
    }

    /// Returns true if all pages of `positions` are there.
    pub fn covers(&self, positions: &PagePositions) -> bool {
        self.first_missing(positions).is_none()
    }

    /// The first page of `positions` that is not there.
    pub fn first_missing(&self, positions: &PagePositions) -> Option<u32> {
        let mut next = *positions.start();
        for part in &self.parts {
            if *part.start() <= next && next <= *part.end() {
                next = part.end().saturating_add(1);
            }
        }
        (next <= *positions.end()).then_some(next)
    }

    /// The pages of `positions` that are not there, as ranges in order.
    pub fn missing(&self, positions: &PagePositions) -> Vec<PagePositions> {
        let (mut missing, mut next) = (Vec::new(), *positions.start());
        for part in &self.parts {
            if *part.start() > *positions.end() || *part.end() < next {
                continue;
            }
            if *part.start() > next {
                missing.push(next..=part.start() - 1);
            }
            next = part.end().saturating_add(1);
        }
        if next <= *positions.end() {
            missing.push(next..=*positions.end());
        }
        missing
    }

    /// The part that has a page.
    pub fn part_of(&self, position: u32) -> Option<&PagePositions> {
        self.parts.iter().find(|part| part.contains(&position))
    }

    /// Number of pages that are there.
    pub fn pages(&self) -> u32 {
        let (mut pages, mut reached) = (0, 0);
        for part in &self.parts {
            let from = (*part.start()).max(reached + 1);
            pages += (part.end() + 1).saturating_sub(from);
            reached = reached.max(*part.end());
        }
        pages
    }
}

/// Gives the pages of parts one after another; has no more than one part in memory.
pub(super) struct StoredPages {
    pub(super) cover: PartCover,
    loaded: Option<(PagePositions, std::vec::IntoIter<ReadPage>)>,
    /// The position of the loaded part's next page.
    next: u32,
}

impl StoredPages {
    pub(super) fn new(parts: Vec<PagePositions>) -> Self {
        Self {
            cover: PartCover::new(parts),
            loaded: None,
            next: 0,
        }
    }

    /// The page at a position; positions may only grow.
    pub(super) fn page(
        &mut self,
        position: u32,
        store: &mut dyn PartStore,
    ) -> io::Result<ReadPage> {
        let is_loaded = |(part, _): &(PagePositions, _)| part.contains(&position);
        if !self.loaded.as_ref().is_some_and(is_loaded) {
            let missing = || io::Error::other(format!("no part has the page at {position}"));
            let part = self.cover.part_of(position).ok_or_else(missing)?.clone();
            let pages = store.load(&part)?;
            if u32::try_from(pages.len()) != Ok(part.end() - part.start() + 1) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a part has not as many pages as its name says",
                ));
            }
            self.next = *part.start();
            self.loaded = Some((part, pages.into_iter()));
        }
        let skipped = (position - self.next) as usize;
        self.next = position + 1;
        self.loaded
            .as_mut()
            .and_then(|(_, pages)| pages.nth(skipped))
            .ok_or_else(|| io::Error::other("a part was read twice"))
    }
}

/// Collects pages that were read until they make a part.
pub(super) struct PartCollector {
    first: u32,
    pages: Vec<ReadPage>,
    full: u32,
}

impl PartCollector {
    /// A collector of parts with up to `full` pages.
    pub(super) fn new(full: u32) -> Self {
        Self {
            first: 1,
            pages: Vec::new(),
            full: full.max(1),
        }
    }

    /// Takes the next page that was read; stores those before it if it does not follow them.
    pub(super) fn push(
        &mut self,
        position: u32,
        page: &ReadPage,
        store: &mut dyn PartStore,
    ) -> io::Result<()> {
        let count = u32::try_from(self.pages.len()).unwrap_or(u32::MAX);
        if self.first + count != position {
            self.flush(store)?;
        }
        if self.full == NEVER_FULL {
            return Ok(());
        }
        if self.pages.is_empty() {
            self.first = position;
        }
        self.pages.push(page.clone());
        Ok(())
    }

    /// Returns true if the pages end a part.
    pub(super) fn is_full(&self) -> bool {
        let count = u32::try_from(self.pages.len()).unwrap_or(u32::MAX);
        count > 0 && (self.first + count - 1).is_multiple_of(self.full)
    }

    /// Stores the pages.
    pub(super) fn flush(&mut self, store: &mut dyn PartStore) -> io::Result<()> {
        let pages = std::mem::take(&mut self.pages);
        let Some(last) = u32::try_from(pages.len())
            .ok()
            .and_then(|n| n.checked_sub(1))
        else {
            return Ok(());
        };
        store.store(self.first..=self.first + last, &pages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cover_takes_the_fewest_parts_and_knows_what_is_missing() {
        let cover = PartCover::new(vec![
            17..=32,
            1..=7,
            1..=16,
            8..=16,
            40..=48,
            45..=50,
            41..=46,
        ]);
        assert_eq!(cover.parts, [1..=16, 17..=32, 40..=48, 45..=50]);
        assert_eq!(cover.pages(), 43);
        assert!(cover.covers(&(3..=32)));
        assert_eq!(cover.first_missing(&(3..=45)), Some(33));
        assert_eq!(cover.missing(&(1..=60)), [33..=39, 51..=60]);
        assert_eq!(cover.missing(&(34..=36)), [34..=36]);
        assert_eq!(cover.part_of(46), Some(&(40..=48)));
        assert_eq!(PartCover::default().missing(&(2..=3)), [2..=3]);
    }

    #[test]
    fn what_is_no_part_is_an_error() {
        let page = crate::read::page::PageState::new(3).into_read();
        let bytes = encode_pages(&[page.clone(), page]).unwrap();
        assert_eq!(decode_pages(&bytes).unwrap().len(), 2);
        assert!(decode_pages(&bytes[..bytes.len() / 2]).is_err());
        assert!(decode_pages(b"").is_err());
    }
}
