//! Outputs of an evaluation: `eval.json` and `worst.html`; of a part `eval.chunk-K-of-N.json` and the pictures of its worst
//! cases, from which the whole is made.
//!
//! The worst of all are among the worst of each part, so that a part's pictures are enough, wherever its documents are.

use std::{
    cmp::Ordering,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use recto_pipeline::eval::{WorstCase, total, worst_page};
use recto_schemas::{EvalCase, EvalReport, check_version};

use super::{
    data::limited,
    pictures::{CaseImages, file_name},
    prediction::scored,
};
use crate::document::output;

/// Pictures of the worst cases of a part, below its folder.
const PICTURES: &str = "worst";
/// Largest part, in bytes.
const MOST_PART_BYTES: u64 = 1 << 30;

/// Writes the results into `out`, `eval.json` or the part last.
pub(super) fn keep(
    evaluation: &EvalReport,
    out: &Path,
    most: usize,
    pictures: &CaseImages<'_>,
) -> io::Result<()> {
    let shown: Vec<WorstCase<'_>> = worst(&evaluation.cases, most)
        .into_iter()
        .map(|case| WorstCase {
            case,
            jpeg: pictures.of(case),
        })
        .collect();
    let Some(chunk) = evaluation.chunk else {
        fs::create_dir_all(out)?;
        let html = worst_page(&evaluation.data, &evaluation.total, &shown);
        fs::write(out.join("worst.html"), html)?;
        return output::write_json(out, "eval.json", evaluation);
    };
    let folder = out.join(PICTURES);
    fs::create_dir_all(&folder)?;
    for WorstCase { case, jpeg } in shown {
        if let Some(jpeg) = jpeg {
            fs::write(folder.join(file_name(case)), jpeg)?;
        }
    }
    let name = format!("eval.chunk-{}-of-{}.json", chunk.index, chunk.count);
    output::write_json(out, &name, evaluation)
}

/// The cases with the highest character error rates, the worst first; of equal ones those with more errors, then in their
/// order. Cases without errors are not among them.
fn worst(cases: &[EvalCase], most: usize) -> Vec<&EvalCase> {
    let mut worst: Vec<&EvalCase> = cases
        .iter()
        .filter(|case| case.characters.errors > 0)
        .collect();
    let badness = |a: &EvalCase, b: &EvalCase| -> Ordering {
        let by_rate = b.characters.rate.total_cmp(&a.characters.rate);
        by_rate.then(b.characters.errors.cmp(&a.characters.errors))
    };
    worst.sort_by(|a, b| badness(a, b));
    worst.truncate(most);
    worst
}

/// The whole of the parts in `folders`, and their pictures.
///
/// # Errors
/// A part is missing, there twice, not of the same evaluation, or cannot be read.
pub(super) fn merged(folders: &[PathBuf]) -> anyhow::Result<(EvalReport, CaseImages<'static>)> {
    let mut parts = Vec::new();
    for folder in folders {
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("eval.chunk-") && name.ends_with(".json") {
                parts.push((entry.path(), part(&entry.path())?));
            }
        }
    }
    parts.sort_by_key(|(_, part)| part.chunk.map(|chunk| chunk.index));
    complete(&parts)?;
    let mut parts = parts.into_iter().map(|(_, part)| part);
    let mut whole = parts.next().context("there are no parts")?;
    whole.cases.extend(parts.flat_map(|part| part.cases));
    whole.chunk = None;
    // From the texts again: numbers do not survive JSON to the last bit.
    whole.cases = whole.cases.into_iter().map(scored).collect();
    whole.total = total(&whole.cases);
    let pictures = folders.iter().map(|folder| folder.join(PICTURES));
    Ok((whole, CaseImages::Kept(pictures.collect())))
}

fn part(path: &Path) -> anyhow::Result<EvalReport> {
    let text = limited(path, MOST_PART_BYTES)?;
    let part: EvalReport = serde_json::from_str(&text)
        .with_context(|| format!("{} is no part of an evaluation", path.display()))?;
    check_version(&part.schema, EvalReport::SCHEMA).with_context(|| path.display().to_string())?;
    Ok(part)
}

/// Returns true if the parts, in order, are all of one evaluation, each once.
fn complete(parts: &[(PathBuf, EvalReport)]) -> anyhow::Result<()> {
    let Some((first_path, first)) = parts.first() else {
        bail!("no parts in these folders; a part is a file eval.chunk-K-of-N.json");
    };
    let what = |part: &EvalReport| {
        let count = part.chunk.map(|chunk| chunk.count);
        let data = part.data.clone();
        (
            count,
            data,
            part.engine.clone(),
            part.model.clone(),
            part.as_is,
        )
    };
    for (path, part) in parts {
        if what(part) != what(first) {
            bail!(
                "{} and {} are parts of different evaluations: data, engine, model, --as-is or --num-chunks differ",
                first_path.display(),
                path.display()
            );
        }
    }
    let count = first.chunk.map_or(0, |chunk| chunk.count);
    let there: Vec<u32> = parts
        .iter()
        .filter_map(|(_, part)| Some(part.chunk?.index))
        .collect();
    if let Some(twice) = there.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!("part {} of {count} is there twice", twice[0]);
    }
    let missing = (0..count).find(|index| !there.contains(index));
    if let Some(missing) = missing {
        bail!(
            "part {missing} of {count} is missing ({} are there); run it with --chunk-idx {missing}",
            there.len()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use recto_schemas::{EvalChunk, EvalTotal};

    use super::*;

    fn part(index: u32, count: u32) -> (PathBuf, EvalReport) {
        let part = EvalReport {
            schema: EvalReport::SCHEMA.to_owned(),
            data: "data".to_owned(),
            engine: None,
            model: None,
            as_is: false,
            chunk: Some(EvalChunk { index, count }),
            total: EvalTotal::default(),
            cases: Vec::new(),
        };
        (PathBuf::from(format!("{index}.json")), part)
    }

    #[test]
    fn only_all_parts_of_one_evaluation_make_a_whole() {
        let refused = |parts: &[(PathBuf, EvalReport)]| complete(parts).unwrap_err().to_string();
        complete(&[part(0, 2), part(1, 2)]).unwrap();
        assert!(refused(&[]).contains("no parts"));
        assert!(refused(&[part(0, 3), part(2, 3)]).contains("part 1 of 3 is missing"));
        assert!(refused(&[part(0, 2), part(0, 2), part(1, 2)]).contains("twice"));
        assert!(refused(&[part(0, 2), part(1, 3)]).contains("different"));
        let mut other = part(1, 2);
        other.1.as_is = true;
        assert!(refused(&[part(0, 2), other]).contains("different"));
    }
}
