//! Predictions of documents, page by page, and their comparison with the references.

use std::{collections::BTreeMap, fs, io::ErrorKind, path::Path};

use anyhow::Context;
use recto_pipeline::eval::{MarkupSyntax, normalize, score};
use recto_schemas::{
    EvalCase, FailureDetail, FailureKind, Manifest, PageOutcome, PageRanges, Reason,
};

use super::data::{EvalSample, ReferenceContent};

/// Options of the comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct ComparisonOptions<'a> {
    /// True if they are not normalized.
    pub(super) as_is: bool,
    /// Characters that are left out.
    pub(super) ignored: &'a str,
    /// The only pages that are compared; `None` for all.
    pub(super) pages: Option<&'a PageRanges>,
}

/// The prediction of a document.
#[derive(Debug, Default)]
pub(super) struct Prediction {
    /// The text before the first page, or all of it, if pages are not told apart.
    text: String,
    /// The syntax of its marks.
    plain: bool,
    /// The pages.
    pages: BTreeMap<u32, PredictedPage>,
    /// The reason why there is none, or not all of it.
    failure: Option<FailureDetail>,
}

#[derive(Debug, Default)]
struct PredictedPage {
    text: String,
    rotation: u16,
    failure: Option<FailureDetail>,
}

impl Prediction {
    /// Nothing was read.
    pub(super) fn failed(failure: FailureDetail) -> Self {
        Self {
            failure: Some(failure),
            ..Self::default()
        }
    }

    /// A text that something else has read.
    pub(super) fn predicted(text: &str, marks: MarkupSyntax) -> Self {
        let (text, pages) = match marks {
            MarkupSyntax::Plain => (text.to_owned(), BTreeMap::new()),
            MarkupSyntax::Markdown | MarkupSyntax::Mathpix => paged(text),
        };
        Self {
            text,
            plain: marks == MarkupSyntax::Plain,
            pages,
            failure: None,
        }
    }

    /// The outputs of `recto convert` of a document in `folder`.
    ///
    /// # Errors
    /// Its files are not as it writes them.
    pub(super) fn converted(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let read = |ending| {
            let path = folder.join(format!("{name}.{ending}"));
            let text = fs::read_to_string(&path);
            match text {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
                text => text.with_context(|| format!("cannot read {}", path.display())),
            }
        };
        let manifest: Manifest = serde_json::from_str(&read("json")?)
            .with_context(|| format!("{name}.json in {} is no manifest", folder.display()))?;
        let mut prediction = Self::predicted(&read("md")?, MarkupSyntax::Markdown);
        for summary in manifest.pages {
            let page = prediction.pages.entry(summary.page).or_default();
            page.rotation = summary.rotation;
            let failed = summary.outcome == PageOutcome::Failed;
            page.failure = summary
                .reason
                .filter(|_| failed)
                .and_then(Reason::into_failure);
        }
        prediction.failure = manifest.failure;
        Ok(prediction)
    }

    /// The document's cases, scored: one for each page of the reference, or one if reference or prediction have no pages.
    pub(super) fn against(
        &self,
        sample: &EvalSample,
        comparing: &ComparisonOptions<'_>,
    ) -> Vec<EvalCase> {
        let unpaged = self.pages.is_empty() && !self.text.is_empty();
        match &sample.reference.text {
            ReferenceContent::Pages(pages) if !unpaged => {
                let wanted = |page| comparing.pages.is_none_or(|ranges| ranges.contains(page));
                let pages = pages.iter().filter(|(page, _)| wanted(*page));
                pages
                    .map(|(page, reference)| self.page_case(sample, *page, reference, comparing))
                    .collect()
            }
            ReferenceContent::Pages(pages) => {
                let texts: Vec<&str> = pages.iter().map(|(_, text)| text.as_str()).collect();
                vec![self.whole_case(sample, &texts.join("\n\n"), comparing)]
            }
            ReferenceContent::Whole(reference) => {
                vec![self.whole_case(sample, reference, comparing)]
            }
        }
    }

    fn page_case(
        &self,
        sample: &EvalSample,
        number: u32,
        reference: &str,
        comparing: &ComparisonOptions<'_>,
    ) -> EvalCase {
        let missing = || FailureDetail {
            kind: FailureKind::NoSuchPage,
            message: "the prediction has no such page".to_owned(),
        };
        let page = self.pages.get(&number);
        let failure = match page {
            Some(page) => page.failure.clone(),
            None => Some(self.failure.clone().unwrap_or_else(missing)),
        };
        EvalCase {
            page: Some(number),
            rotation: page.map_or(0, |page| page.rotation),
            failure,
            ..self.compared(
                sample,
                reference,
                page.map_or("", |page| &page.text),
                comparing,
            )
        }
    }

    fn whole_case(
        &self,
        sample: &EvalSample,
        reference: &str,
        comparing: &ComparisonOptions<'_>,
    ) -> EvalCase {
        let of_page = || self.pages.values().find_map(|page| page.failure.clone());
        let pages = self.pages.values().map(|page| page.text.as_str());
        let texts: Vec<&str> = std::iter::once(self.text.as_str()).chain(pages).collect();
        EvalCase {
            rotation: self.pages.values().next().map_or(0, |page| page.rotation),
            failure: self.failure.clone().or_else(of_page),
            ..self.compared(sample, reference, texts.join("\n\n").trim(), comparing)
        }
    }

    fn compared(
        &self,
        sample: &EvalSample,
        reference: &str,
        prediction: &str,
        comparing: &ComparisonOptions<'_>,
    ) -> EvalCase {
        let ignored = format!("{}{}", comparing.ignored, sample.reference.ignored);
        let normalized = |text: &str, marks| match comparing.as_is {
            true => text.to_owned(),
            false => normalize(text, marks, &ignored),
        };
        let marks = if self.plain {
            MarkupSyntax::Plain
        } else {
            MarkupSyntax::Markdown
        };
        scored(EvalCase {
            index: sample.index,
            name: sample.name.clone(),
            page: None,
            path: sample.input.uri(),
            rotation: 0,
            failure: None,
            reference: normalized(reference, sample.reference.marks),
            prediction: normalized(prediction, marks),
            characters: recto_schemas::ErrorRate::default(),
            words: recto_schemas::ErrorRate::default(),
            got: None,
        })
    }
}

/// A case with the scores of its texts.
pub(super) fn scored(case: EvalCase) -> EvalCase {
    let scores = score(&case.reference, &case.prediction);
    EvalCase {
        characters: scores.characters,
        words: scores.words,
        got: scores.got,
        ..case
    }
}

/// Markdown cut at its page markers: what is before the first one, and the pages.
fn paged(markdown: &str) -> (String, BTreeMap<u32, PredictedPage>) {
    let (mut before, mut pages) = (String::new(), BTreeMap::<u32, PredictedPage>::new());
    let mut current = None;
    for line in markdown.split_inclusive('\n') {
        if let Some(number) = marker(line) {
            pages.entry(number).or_default();
            current = Some(number);
            continue;
        }
        match current.and_then(|number| pages.get_mut(&number)) {
            Some(page) => page.text.push_str(line),
            None => before.push_str(line),
        }
    }
    for page in pages.values_mut() {
        page.text = page.text.trim().to_owned();
    }
    (before.trim().to_owned(), pages)
}

/// The page that a line such as `<!-- page 3 -->` or `<!-- page 3: failed (page-timeout) -->` begins.
fn marker(line: &str) -> Option<u32> {
    let inside = line
        .trim_end()
        .strip_prefix("<!-- page ")?
        .strip_suffix("-->")?;
    let digits = inside.split([' ', ':']).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::names::documents;
    use super::{super::data::ReferenceText, *};

    const COMPARING: ComparisonOptions<'static> = ComparisonOptions {
        as_is: false,
        ignored: "",
        pages: None,
    };

    fn sample(text: ReferenceContent) -> EvalSample {
        EvalSample {
            index: 3,
            name: "a.pdf".to_owned(),
            input: documents(vec![PathBuf::from("a.pdf")]).remove(0),
            refused: None,
            reference: ReferenceText {
                marks: MarkupSyntax::Plain,
                ignored: "~",
                text,
            },
        }
    }

    fn pages(texts: &[&str]) -> ReferenceContent {
        let texts = texts.iter().zip(1..);
        ReferenceContent::Pages(
            texts
                .map(|(text, page)| (page, (*text).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn pages_are_compared_with_their_own() {
        let markdown = "<!-- page 1 -->\n\n# One\n\n<!-- page 2: failed (page-timeout) -->\n\n<!-- page 3 -->\n\ntree\n";
        let prediction = Prediction::predicted(markdown, MarkupSyntax::Markdown);
        let cases = prediction.against(
            &sample(pages(&["One~", "two", "three", "four"])),
            &COMPARING,
        );
        let errors: Vec<u64> = cases.iter().map(|case| case.characters.errors).collect();
        assert_eq!(errors, [0, 3, 1, 4]);
        let failed: Vec<bool> = cases.iter().map(|case| case.failure.is_some()).collect();
        assert_eq!(failed, [false, false, false, true], "there is no page 4");
        assert_eq!((cases[2].page, cases[2].index), (Some(3), 3));
    }

    #[test]
    fn a_text_without_pages_is_compared_with_all_of_them() {
        let prediction = Prediction::predicted("one\ntwo", MarkupSyntax::Plain);
        let cases = prediction.against(&sample(pages(&["one", "two!"])), &COMPARING);
        assert_eq!((cases.len(), cases[0].page), (1, None));
        assert_eq!(cases[0].characters.errors, 1);
    }

    #[test]
    fn a_document_that_failed_is_read_as_nothing_on_every_page() {
        let prediction = Prediction::failed(FailureDetail {
            kind: FailureKind::Encrypted,
            message: "it is".to_owned(),
        });
        let cases = prediction.against(&sample(pages(&["one", "two"])), &COMPARING);
        assert_eq!(cases.len(), 2);
        for case in cases {
            assert_eq!(case.failure.unwrap().kind, FailureKind::Encrypted);
            assert_eq!((case.characters.errors, case.got), (3, None));
        }
    }

    #[test]
    fn texts_as_they_stand_keep_their_marks() {
        let comparing = ComparisonOptions {
            as_is: true,
            ..COMPARING
        };
        let prediction = Prediction::predicted(
            "<!-- page 1 -->\n\n# A \u{2014} b\n",
            MarkupSyntax::Markdown,
        );
        let reference = ReferenceContent::Whole("A - b".to_owned());
        let case = &prediction.against(&sample(reference), &comparing)[0];
        assert_eq!(
            (case.prediction.as_str(), case.reference.as_str()),
            ("# A \u{2014} b", "A - b")
        );
    }
}
