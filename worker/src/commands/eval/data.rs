//! Documents that are evaluated, and the text that is known to be in them.

use std::{
    fs::{self, File},
    io::Read,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, bail};
use recto_pipeline::eval::MarkupSyntax;
use recto_schemas::{EvalChunk, FailureDetail, FailureKind};
use serde::Deserialize;

use super::names;
use crate::{
    commands::convert::InputDocument,
    document::{
        media_type::no_documents,
        selection::PathSelection,
        walk::{DocumentWalk, WalkEntry, WalkError},
    },
};

/// Largest dataset, in bytes.
const MAX_DATASET_BYTES: u64 = 1 << 30;
/// Largest text of one document, in bytes.
const MAX_REFERENCE_BYTES: u64 = 1 << 26;
/// The character that people who type a page put for one they cannot type.
const UNKEYABLE: &str = "~";

/// A document whose text is known.
pub(super) struct EvalSample {
    /// Its place among all documents.
    pub(super) index: u64,
    /// As the data names it.
    pub(super) name: String,
    /// Its file.
    pub(super) input: InputDocument,
    /// The reason why it is not read, if the data asks for what it must not.
    pub(super) refused: Option<FailureDetail>,
    /// Its text.
    pub(super) reference: ReferenceText,
}

/// The text of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReferenceText {
    /// The syntax of its marks.
    pub(super) marks: MarkupSyntax,
    /// Characters that are left out of reference and prediction.
    pub(super) ignored: &'static str,
    /// Its text.
    pub(super) text: ReferenceContent,
}

/// The text of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReferenceContent {
    /// All of it.
    Whole(String),
    /// One-based pages.
    Pages(Vec<(u32, String)>),
}

/// A document before its reference is read: the chunk decides whose is.
struct UnloadedSample {
    name: String,
    input: InputDocument,
    refused: Option<FailureDetail>,
    reference: ReferenceSource,
}

/// The source of a reference.
enum ReferenceSource {
    Known(ReferenceText),
    File(PathBuf, ReferenceFormat),
}

/// The format of a file beside a document.
#[derive(Clone, Copy)]
enum ReferenceFormat {
    Pages,
    Markdown,
    Plain,
}

/// The files that may be beside a document, the first that is there counting.
const BESIDE: [(&str, ReferenceFormat); 3] = [
    ("truth.json", ReferenceFormat::Pages),
    ("md", ReferenceFormat::Markdown),
    ("txt", ReferenceFormat::Plain),
];

/// The documents of `chunk`, in order, with their reference; and the number of documents without one.
///
/// # Errors
/// The data cannot be used: it cannot be read, is no dataset, has no document with text.
pub(super) fn samples(
    data: &Path,
    images: Option<&Path>,
    chunk: EvalChunk,
) -> anyhow::Result<(Vec<EvalSample>, usize)> {
    let (found, without) = match data.is_dir() {
        true => folder(data)?,
        false => {
            let own = data.parent().unwrap_or(Path::new(""));
            (dataset(data, images.unwrap_or(own))?, 0)
        }
    };
    let all = found.len();
    let part = |index: u32| (all as u128 * u128::from(index) / u128::from(chunk.count)) as usize;
    let (start, end) = (part(chunk.index), part(chunk.index + 1));
    let chosen = found.into_iter().enumerate().skip(start).take(end - start);
    let samples = chosen.map(|(index, found)| {
        Ok(EvalSample {
            index: index as u64,
            name: found.name,
            input: found.input,
            refused: found.refused,
            reference: match found.reference {
                ReferenceSource::Known(reference) => reference,
                ReferenceSource::File(path, kind) => read_reference(&path, kind)?,
            },
        })
    });
    Ok((samples.collect::<anyhow::Result<_>>()?, without))
}

/// The documents below a folder that have their text beside them, and how many have none.
fn folder(folder: &Path) -> anyhow::Result<(Vec<UnloadedSample>, usize)> {
    let (mut found, mut without) = (Vec::new(), 0);
    let selection = PathSelection::default();
    let mut paths = Vec::new();
    for entry in DocumentWalk::new(folder, &selection, None) {
        match entry {
            WalkEntry::Document(path) => paths.push(path),
            WalkEntry::PassedOver(..) => {}
            WalkEntry::Unreadable(WalkError { folder, error }) => {
                bail!("{}: {error}", folder.display())
            }
        }
    }
    if paths.is_empty() {
        bail!("{}: {}", folder.display(), no_documents());
    }
    for input in names::documents(paths) {
        let beside = BESIDE.iter().find_map(|&(ending, kind)| {
            let path = input.path.with_extension(ending);
            (path != input.path && path.is_file()).then_some((path, kind))
        });
        let Some((path, kind)) = beside else {
            without += 1;
            continue;
        };
        let name = input.path.strip_prefix(folder).unwrap_or(&input.path);
        found.push(UnloadedSample {
            name: name.to_string_lossy().into_owned(),
            input,
            refused: None,
            reference: ReferenceSource::File(path, kind),
        });
    }
    if found.is_empty() {
        bail!(
            "{}: no document has its text beside it; put NAME.truth.json, NAME.md or NAME.txt there",
            folder.display()
        );
    }
    Ok((found, without))
}

/// One entry of a dataset.
#[derive(Deserialize)]
struct DatasetEntry {
    image: String,
    conversations: Vec<ConversationTurn>,
}

/// A turn of one side.
#[derive(Deserialize)]
struct ConversationTurn {
    from: String,
    value: String,
}

/// The entries of a dataset in GOT's form.
fn dataset(path: &Path, images: &Path) -> anyhow::Result<Vec<UnloadedSample>> {
    let text = limited(path, MAX_DATASET_BYTES)?;
    let entries: Vec<DatasetEntry> = serde_json::from_str(&text).with_context(|| {
        format!(
            "{}: not a dataset; it is a JSON list of image and conversations, see recto eval --help",
            path.display()
        )
    })?;
    if entries.is_empty() {
        bail!("{}: the dataset is empty", path.display());
    }
    let inputs = names::documents(entries.iter().map(|e| images.join(&e.image)).collect());
    let documents = entries.into_iter().zip(inputs).enumerate();
    let found = documents.map(|(number, (entry, input))| {
        let said = |who: &str| entry.conversations.iter().find(|turn| turn.from == who);
        let Some(answer) = said("gpt") else {
            bail!(
                "{}: entry {number} ({}) has no answer; it needs a turn from `gpt`",
                path.display(),
                entry.image
            );
        };
        let formatted = said("human").is_some_and(|turn| turn.value.contains("with format"));
        Ok(UnloadedSample {
            refused: leads_out(&entry.image, images),
            reference: ReferenceSource::Known(ReferenceText {
                marks: if formatted {
                    MarkupSyntax::Mathpix
                } else {
                    MarkupSyntax::Plain
                },
                ignored: "",
                text: ReferenceContent::Whole(answer.value.clone()),
            }),
            name: entry.image,
            input,
        })
    });
    found.collect()
}

/// The reason why an image is not opened: a dataset comes from anywhere, and must not have other files read than its own.
fn leads_out(image: &str, images: &Path) -> Option<FailureDetail> {
    let up = |part: Component<'_>| part == Component::ParentDir;
    let path = Path::new(image);
    let outside = path.is_absolute() && !path.starts_with(images);
    (outside || path.components().any(up)).then(|| FailureDetail {
        kind: FailureKind::PathOutside,
        message: "the path leads out of the folder of the images; give --images a folder above it"
            .to_owned(),
    })
}

/// `NAME.truth.json`.
#[derive(Deserialize)]
struct ReferenceFile {
    pages: Vec<ReferencePage>,
}

#[derive(Deserialize)]
struct ReferencePage {
    page: u32,
    text: String,
}

fn read_reference(path: &Path, kind: ReferenceFormat) -> anyhow::Result<ReferenceText> {
    let text = limited(path, MAX_REFERENCE_BYTES)?;
    let whole = |marks, text| ReferenceText {
        marks,
        ignored: "",
        text: ReferenceContent::Whole(text),
    };
    Ok(match kind {
        ReferenceFormat::Markdown => whole(MarkupSyntax::Markdown, text),
        ReferenceFormat::Plain => whole(MarkupSyntax::Plain, text),
        ReferenceFormat::Pages => {
            let file: ReferenceFile = serde_json::from_str(&text).with_context(|| {
                format!(
                    "{}: not {{\"pages\": [{{\"page\": 1, \"text\": \"…\"}}]}}",
                    path.display()
                )
            })?;
            let pages = file.pages.into_iter();
            ReferenceText {
                marks: MarkupSyntax::Plain,
                ignored: UNKEYABLE,
                text: ReferenceContent::Pages(pages.map(|page| (page.page, page.text)).collect()),
            }
        }
    })
}

/// A text file of at most so many bytes.
pub(super) fn limited(path: &Path, most_bytes: u64) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        file.take(most_bytes.saturating_add(1))
            .read_to_string(&mut text)
    });
    read.with_context(|| format!("cannot read {}", path.display()))?;
    if text.len() as u64 > most_bytes {
        bail!("{} is larger than {} MB", path.display(), most_bytes >> 20);
    }
    Ok(text)
}

/// Another program's prediction of a document: its text, and its syntax. `None` if there is
/// none.
///
/// # Errors
/// The text is there and cannot be read.
pub(super) fn prediction(
    folder: &Path,
    sample: &EvalSample,
) -> anyhow::Result<Option<(String, MarkupSyntax)>> {
    let named = Path::new(&sample.name).with_extension("");
    let named = named.to_string_lossy();
    for (ending, marks) in [("md", MarkupSyntax::Markdown), ("txt", MarkupSyntax::Plain)] {
        for stem in [&*named, sample.input.result.stem.as_str()] {
            let path = folder.join(format!("{stem}.{ending}"));
            if path.starts_with(folder) && fs::exists(&path).unwrap_or(false) {
                return Ok(Some((limited(&path, MAX_REFERENCE_BYTES)?, marks)));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(samples: &[EvalSample]) -> Vec<&str> {
        samples.iter().map(|sample| sample.name.as_str()).collect()
    }

    #[test]
    fn chunks_are_every_document_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..7 {
            fs::write(folder.path().join(format!("{number}.png")), "").unwrap();
            fs::write(folder.path().join(format!("{number}.txt")), "text").unwrap();
        }
        fs::write(folder.path().join("untold.png"), "").unwrap();
        let (all, without) =
            samples(folder.path(), None, EvalChunk { index: 0, count: 1 }).unwrap();
        assert_eq!((all.len(), without), (7, 1));
        let parts: Vec<EvalSample> = (0..3)
            .flat_map(|index| {
                samples(folder.path(), None, EvalChunk { index, count: 3 })
                    .unwrap()
                    .0
            })
            .collect();
        assert_eq!(names(&parts), names(&all));
        let places: Vec<u64> = parts.iter().map(|sample| sample.index).collect();
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 6]);
        let more = samples(
            folder.path(),
            None,
            EvalChunk {
                index: 3,
                count: 20,
            },
        )
        .unwrap()
        .0;
        assert!(
            more.len() <= 1,
            "more chunks than documents leave some empty"
        );
    }

    #[test]
    fn a_dataset_reads_only_images_below_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        let entry = |image: &str, prompt: &str| {
            serde_json::json!({"image": image, "conversations": [
                {"from": "human", "value": prompt}, {"from": "gpt", "value": "text"}]})
        };
        let inside = folder.path().join("in/b.png");
        let entries = serde_json::json!([
            entry("a.png", "<image>\nOCR: "),
            entry("/etc/passwd", "<image>\nOCR: "),
            entry("in/../../x.png", "<image>\nOCR: "),
            entry(inside.to_str().unwrap(), "<image>\nOCR with format: "),
        ]);
        fs::write(&path, entries.to_string()).unwrap();
        let (found, _) = samples(&path, None, EvalChunk { index: 0, count: 1 }).unwrap();
        let refused: Vec<bool> = found.iter().map(|s| s.refused.is_some()).collect();
        assert_eq!(refused, [false, true, true, false]);
        assert_eq!(found[0].input.path, folder.path().join("a.png"));
        let marks: Vec<MarkupSyntax> = found.iter().map(|s| s.reference.marks).collect();
        assert_eq!(
            (marks[0], marks[3]),
            (MarkupSyntax::Plain, MarkupSyntax::Mathpix)
        );
    }

    #[test]
    fn what_is_no_dataset_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        for (text, wanted) in [
            ("{}", "not a dataset"),
            ("[]", "is empty"),
            (
                r#"[{"image": "a.png", "conversations": []}]"#,
                "entry 0 (a.png) has no answer",
            ),
        ] {
            fs::write(&path, text).unwrap();
            let error = samples(&path, None, EvalChunk { index: 0, count: 1 })
                .err()
                .unwrap();
            assert!(format!("{error:#}").contains(wanted), "{error:#}");
        }
    }
}
