//! Tests of pages that are cut into rows.

use recto_schemas::TilingReason;

use super::*;

/// The sentence that each stack of a page goes on with.
fn sentence(asked: &Asked) -> String {
    match asked.shades[..] {
        [10] => "It is cut in the mid-".to_owned(),
        [20] => "dle of a word and".to_owned(),
        [30] => "of a sentence.".to_owned(),
        [40] => "Then comes another.".to_owned(),
        _ => format!("views of {:?}", asked.shades),
    }
}

#[test]
fn rows_are_read_each_by_itself_and_joined() {
    let bench = Bench::of_rows(sentence, None);
    let raw = GotOptions {
        raw: true,
        ..usual()
    };
    let sheets: &[&[u8]] = &[&[10, 20, 30, 40, 30], &[40, 30]];
    let readings = read_sheets(&bench, sheets, raw.clone()).expect("read");
    let joined = "It is cut in the middle of a word and\nof a sentence.\nThen comes another.\nof a sentence.";
    assert_eq!(readings.len(), 2);
    assert_eq!(text(&readings[0]), joined);
    assert_eq!(text(&readings[1]), "Then comes another.\nof a sentence.");
    let reading = &readings[0];
    assert_eq!(reading.stop, FinishReason::End);
    let confidence = reading.confidence.expect("text was written");
    assert!((confidence - LOGPROB.exp()).abs() < 1e-5, "{confidence}");
    let decoding = reading.decoding.as_ref().expect("a decoder wrote it");
    let tiling = &decoding.tiling;
    assert_eq!(
        (tiling.columns, tiling.rows, tiling.reason.as_str()),
        (1, 2, "rows")
    );
    // Four rows to an input image, each encoded once.
    assert_eq!(bench.encoded.load(Ordering::SeqCst), 3);
    assert_eq!(
        (decoding.pages_in_pass, decoding.stop),
        (1, FinishReason::End)
    );
    assert!(decoding.attempts.is_empty());
    // One hyphen was removed, and three line feeds were inserted.
    assert_eq!(decoding.tokens as usize, joined.len() + 1 - 3);
    let given = reading.raw.as_ref().expect("asked for");
    let images = given.prompt_ids.iter().filter(|&&id| id == IMAGE).count();
    assert_eq!(images, 5 * VIEW_TOKENS);
    assert_eq!(given.prompt_ids.len() as u32, decoding.prompt_tokens);
    let plain = GotOptions {
        mode: GotMode::Plain,
        ..raw
    };
    let readings = read_sheets(&bench, &[&[30, 40]], plain).expect("read");
    assert_eq!(text(&readings[0]), "of a sentence.\nThen comes another.");
}

#[test]
fn only_the_row_that_repeats_itself_is_read_otherwise() {
    let bench = Bench::of_rows(
        |asked| match asked.shades[..] {
            [20] if asked.format() => forever(asked),
            _ => sentence(asked),
        },
        ppocr(),
    );
    let readings = read_sheets(&bench, &[&[30, 20, 40]], usual()).expect("read");
    let reading = &readings[0];
    assert_eq!(
        text(reading),
        "of a sentence.\ndle of a word and\nThen comes another."
    );
    assert_eq!(reading.engine, EngineName::Got);
    assert_eq!(reading.stop, FinishReason::End);
    let attempts = attempts(reading);
    let ways: Vec<_> = attempts.iter().map(|a| (a.0, a.2.is_none())).collect();
    let tried = [
        ("single", false),
        ("no-repeat-ngram", false),
        ("plain", true),
    ];
    assert_eq!(ways, tried);
    let decoding = reading.decoding.as_ref().expect("a decoder wrote it");
    assert_eq!((decoding.mode, decoding.tiling.rows), (GotMode::Format, 1));
}

#[test]
fn a_row_that_repeats_itself_for_ever_gives_the_page_to_ppocr() {
    let script: Script = |asked| match asked.shades[..] {
        [20] => forever(asked),
        _ => sentence(asked),
    };
    let bench = Bench::of_rows(script, ppocr());
    let readings = read_sheets(&bench, &[&[30, 20, 40], &[40, 30]], usual()).expect("read");
    assert_eq!(readings[0].engine, EngineName::Ppocr);
    assert_eq!(text(&readings[0]), "page of 200 by 310");
    assert_eq!(
        attempts(&readings[0]).last(),
        Some(&("ppocr", FinishReason::End, None))
    );
    assert_eq!(readings[1].engine, EngineName::Got);
    let bench = Bench::of_rows(script, None);
    let readings = read_sheets(&bench, &[&[30, 20, 40]], usual()).expect("read");
    let text = text(&readings[0]);
    assert!(text.starts_with("of a sentence."), "{text}");
    assert!(
        text.contains("again") && text.ends_with("Then comes another."),
        "{text}"
    );
    assert_eq!(readings[0].stop, FinishReason::Repetition);
    let kept = attempts(&readings[0]).into_iter().filter(|a| a.2.is_none());
    assert_eq!(kept.count(), 1);
}

#[test]
fn a_page_of_rows_fails_whole_and_alone() {
    let bench = Bench::of_rows(sentence, None);
    let readings = read_sheets(&bench, &[&[30, 13], &[40, 30]], usual()).expect("one can be read");
    let firsts: Vec<_> = readings.iter().map(|r| r.first).collect();
    assert_eq!(firsts, [1]);
}

#[test]
fn a_page_without_rows_is_an_empty_text() {
    let bench = Bench::of_rows(sentence, ppocr());
    let readings = read_sheets(&bench, &[&[], &[40]], usual()).expect("read");
    assert_eq!(readings[0].content, OcrContent::Markup(String::new()));
    assert_eq!(readings[0].stop, FinishReason::End);
    assert_eq!(readings[0].confidence, None);
    let decoding = readings[0].decoding.as_ref().expect("told all the same");
    assert_eq!((decoding.tokens, decoding.tiling.rows), (0, 0));
    assert_eq!(text(&readings[1]), "Then comes another.");
}

#[test]
fn a_model_of_rows_is_given_whole_pages_where_asked() {
    let bench = Bench::of_rows(sentence, None);
    let readings = read_sheets(&bench, &[&[40, 30]], options()).expect("read");
    let decoding = readings[0].decoding.as_ref().expect("a decoder wrote it");
    assert_eq!(decoding.tiling.reason, TilingReason::Asked);
    assert!(
        text(&readings[0]).starts_with("views of"),
        "{:?}",
        readings[0]
    );
}
