//! Parts of documents: pages that were read, in objects beside the result or in files of this machine, until the result
//! is there.
//!
//! A part is a file of two pieces: a line of JSON, [`PartHeader`], and the pages as
//! [`encode_pages`] writes them.

mod folder;
mod object;
mod observed;
mod scan;

use std::io;

use recto_pipeline::read::{PagePositions, PartStore, ReadPage, decode_pages, encode_pages};
use recto_schemas::{FailureDetail, FailureKind, PartReport};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::manifest::hex;
use crate::os::clock;
pub(crate) use folder::FolderParts;
pub(crate) use object::{ClosedBy, JobParts, ObjectParts, PartsListing, PartsRecord};
pub(crate) use observed::ObservedParts;
pub(crate) use scan::{DocumentProgress, PartsScan};

/// Pages of a full part. A part has some 10 kB a page, and a page is seconds of work: so few are lost with a worker,
/// and there is one write more for so many pages.
pub(crate) const PAGES_PER_PART: u32 = 16;

/// Digits of a page's position in a part's name.
const NAME_DIGITS: usize = 6;

/// The parts of a document that is being read.
pub(crate) trait DocumentParts: PartStore {
    /// The reader of each part, as far as it was read or loaded here.
    fn reports(&self) -> Vec<PartReport>;

    /// Pages that were read more than once, as far as is known.
    fn pages_reread(&self) -> u32 {
        0
    }

    /// The result is there: nothing is to be kept.
    ///
    /// # Errors
    /// The parts stay.
    fn finished(&mut self) -> io::Result<()>;
}

/// The first line of a part.
#[derive(Debug, Serialize, Deserialize)]
struct PartHeader {
    schema: String,
    /// SHA-256 of what follows the line.
    sha256: String,
    #[serde(flatten)]
    report: PartReport,
    /// Absent where nobody but its reader looks at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    document: Option<PartDocument>,
}

/// The document that a part is of, for those who look at a store to see how far its job is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartDocument {
    /// The job's `id`.
    pub(crate) job: String,
    /// The job's batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) batch: Option<String>,
    /// The document's URI.
    pub(crate) uri: String,
    /// Number of pages of the document that are to be read.
    pub(crate) pages: u32,
}

const SCHEMA: &str = "recto.part/v1";

/// The bytes of a part.
fn encode(
    report: PartReport,
    document: Option<PartDocument>,
    pages: &[ReadPage],
) -> io::Result<Vec<u8>> {
    let pages = encode_pages(pages)?;
    let header = PartHeader {
        schema: SCHEMA.to_owned(),
        sha256: hex(&Sha256::digest(&pages)),
        report,
        document,
    };
    let mut bytes = serde_json::to_vec(&header)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(&pages);
    Ok(bytes)
}

/// The pages of a part.
fn decode(bytes: &[u8]) -> io::Result<(PartReport, Vec<ReadPage>)> {
    let (header, pages) = header(bytes)?;
    if header.sha256 != hex(&Sha256::digest(pages)) {
        return Err(invalid("a part that is not whole"));
    }
    Ok((header.report, decode_pages(pages)?))
}

/// The header of a part, and what follows it.
fn header(bytes: &[u8]) -> io::Result<(PartHeader, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (header, pages) = bytes.split_at(end.ok_or_else(|| invalid("a part without header"))?);
    let header: PartHeader = serde_json::from_slice(header)?;
    match header.schema == SCHEMA {
        true => Ok((header, &pages[1..])),
        false => Err(invalid("a part of another version")),
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

/// A part that this worker has read now.
fn report(part: &PagePositions, worker: &str) -> PartReport {
    PartReport {
        first: *part.start(),
        last: *part.end(),
        worker: worker.to_owned(),
        read_at: clock::now(),
    }
}

/// The name of a part, such as `000001-000016`.
fn name(part: &PagePositions) -> String {
    format!(
        "{:0width$}-{:0width$}",
        part.start(),
        part.end(),
        width = NAME_DIGITS
    )
}

/// The part of that name, if it is one.
fn parse_name(name: &str) -> Option<PagePositions> {
    let (first, last) = name.split_once('-')?;
    let number = |digits: &str| {
        let is_number = digits.len() >= NAME_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| digits.parse().ok()).flatten()
    };
    let (first, last): (u32, u32) = (number(first)?, number(last)?);
    (1 <= first && first <= last).then_some(first..=last)
}

/// The failure of the first page that was lost by the machine's fault.
fn lost_page(
    pages: &[ReadPage],
    is_machine_fault: fn(FailureKind) -> bool,
) -> Option<FailureDetail> {
    let mut failures = pages
        .iter()
        .filter_map(|page| page.failure()?.clone().into_failure());
    failures.find(|failure| is_machine_fault(failure.kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_parts_and_nothing_else() {
        assert_eq!(name(&(1..=16)), "000001-000016");
        for part in [1..=16, 999_985..=1_000_000] {
            assert_eq!(parse_name(&name(&part)), Some(part));
        }
        for no_part in [
            "plan",
            "closed",
            "000016-000001",
            "000000-000003",
            "1-2",
            "00000a-000002",
        ] {
            assert_eq!(parse_name(no_part), None, "{no_part}");
        }
    }

    #[test]
    fn a_part_that_is_not_whole_is_refused() {
        let report = PartReport {
            first: 1,
            last: 1,
            worker: "a".to_owned(),
            read_at: "2026-01-01T00:00:00Z".to_owned(),
        };
        let bytes = encode(report.clone(), None, &[]).unwrap();
        assert_eq!(decode(&bytes).unwrap().0, report);
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        for broken in [&bytes[..bytes.len() - 1], &changed, b"", b"{}\n"] {
            assert!(decode(broken).is_err());
        }
    }
}
