use recto_schemas::{CrossCheck, EngineName, GotMode, PageTiling, TilingReason};

use super::*;
use crate::page::Quad;
use crate::page::TextLine;

fn markup(text: &str, stop: FinishReason, agreement: Option<f32>) -> OcrResult {
    let decoding = DecodingReport {
        mode: GotMode::Format,
        tiling: PageTiling {
            columns: 1,
            rows: 1,
            reason: TilingReason::Ordinary,
            limited_by_context: false,
        },
        pages_in_pass: 1,
        prompt_tokens: 1,
        tokens: 1,
        stop: FinishReason::End,
        attempts: Vec::new(),
        verified: agreement.map(|agreement| CrossCheck {
            agreement,
            disagrees: agreement < 0.5,
        }),
    };
    OcrResult {
        first: 0,
        count: 1,
        engine: EngineName::Got,
        content: OcrContent::Markup(text.to_owned()),
        rotation: 0,
        skew_deg: 0.0,
        stop,
        unread: None,
        confidence: None,
        decoding: Some(decoding),
        raw: None,
        queued: Duration::ZERO,
        inference_time: Duration::ZERO,
    }
}

fn read(result: OcrResult) -> PageState {
    let mut page = PageState::new(1);
    page.recognized(result);
    page
}

fn kinds(page: &PageState) -> Vec<&str> {
    page.warnings
        .iter()
        .map(|warning| warning.kind.as_str())
        .collect()
}

#[test]
fn a_page_on_which_nothing_was_written_is_told_apart() {
    let page = read(markup("a", FinishReason::End, None));
    assert_eq!(page.summary.outcome, PageOutcome::Ok);

    let page = read(markup(" \n", FinishReason::End, None));
    assert_eq!(page.summary.outcome, PageOutcome::Empty);
    let reason = page.summary.reason.expect("said");
    assert_eq!(reason.kind.as_str(), "empty-answer");
    assert_eq!(page.content.failure, None);
}

fn regions(texts: &[&str], unread: Option<UnreadInk>) -> OcrResult {
    let line = |text: &&str| TextLine {
        text: (*text).to_owned(),
        quad: Quad::default(),
        confidence: Some(0.99),
        size: 12.0,
        style: Default::default(),
        tag: None,
        lead: None,
        read_by: None,
        formulas: Vec::new(),
        region: None,
    };
    OcrResult {
        content: OcrContent::Regions(texts.iter().map(line).collect()),
        unread,
        decoding: None,
        ..markup("", FinishReason::End, None)
    }
}

fn reason(page: &PageState) -> &str {
    page.summary.reason.as_ref().expect("said").kind.as_str()
}

#[test]
fn a_page_with_lines_that_were_not_read_is_not_ok() {
    let line = UnreadLine {
        quad: Quad::default(),
        text: ". ,".to_owned(),
        share: 0.97,
    };
    for texts in [&["a label"][..], &[]] {
        let unread = UnreadInk {
            share: 0.9,
            lines: vec![line.clone()],
        };
        let page = read(regions(texts, Some(unread)));
        assert_eq!(page.summary.outcome, PageOutcome::Partial);
        assert_eq!(reason(&page), "unreadable-script");
        let unread = page.summary.unread.expect("said");
        assert_eq!((unread.share, unread.lines), (0.9, 1));
        assert_eq!(kinds(&page), ["unreadable-script"]);
        assert_eq!(page.unread[0].text, ". ,");
    }
    assert_eq!(
        read(regions(&["all"], None)).summary.outcome,
        PageOutcome::Ok
    );
}

#[test]
fn what_shows_through_a_pale_page_is_no_script() {
    let line = UnreadLine {
        quad: Quad::default(),
        text: "90/301".to_owned(),
        share: 0.4,
    };
    for (lines, outcome) in [(1, PageOutcome::Empty), (9, PageOutcome::Partial)] {
        let unread = UnreadInk {
            share: 0.4,
            lines: vec![line.clone(); lines],
        };
        let mut page = PageState::new(1);
        page.is_enhanced = true;
        page.recognized(regions(&[], Some(unread)));
        assert_eq!(page.summary.outcome, outcome);
    }
}

#[test]
fn a_page_with_ink_and_no_line_says_that_no_text_was_found() {
    let page = read(regions(&[], None));
    assert_eq!(page.summary.outcome, PageOutcome::Empty);
    assert_eq!(reason(&page), "no-text-found");
    assert_eq!(kinds(&page), ["no-text-found"]);
}

#[test]
fn a_page_that_repeated_itself_from_its_start_has_failed() {
    let page = read(markup("", FinishReason::Repetition, None));
    assert_eq!(page.summary.outcome, PageOutcome::Failed);
    assert_eq!(page.content.failure, Some(FailureKind::Repetition));
}

#[test]
fn doubts_become_warnings() {
    let complete = FinishReason::End;
    assert!(kinds(&read(markup("a", complete, None))).is_empty());
    assert!(kinds(&read(markup("a", complete, Some(0.9)))).is_empty());
    assert_eq!(
        kinds(&read(markup("a", complete, Some(0.2)))),
        ["engines-disagree"]
    );
    let cut = read(markup("a", FinishReason::Length, None));
    assert_eq!(kinds(&cut), ["text-cut-short"]);
}
