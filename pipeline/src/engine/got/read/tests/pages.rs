//! Tests of whole pages: units of several pages, fallbacks, cross-checks.

use super::*;

#[test]
fn a_page_is_read_with_its_confidence_and_account() {
    let bench = Bench::new(all_seen);
    let readings = bench.read(&[7], options()).expect("read");
    let [reading] = &readings[..] else {
        panic!("one page, not {readings:?}");
    };
    assert_eq!(text(reading), seen(7));
    assert_eq!((reading.first, reading.count), (0, 1));
    assert_eq!(reading.engine, EngineName::Got);
    assert_eq!(reading.stop, FinishReason::End);
    let confidence = reading.confidence.expect("text was written");
    assert!((confidence - LOGPROB.exp()).abs() < 1e-5, "{confidence}");
    let decoding = reading.decoding.as_ref().expect("a decoder wrote it");
    assert_eq!(decoding.stop, FinishReason::End);
    assert_eq!(decoding.tokens as usize, seen(7).len());
    assert_eq!(decoding.pages_in_pass, 1);
    assert!(decoding.attempts.is_empty() && decoding.verified.is_none());
    assert!(reading.raw.is_none());
}

#[test]
fn raw_has_prompt_tokens_and_text() {
    let bench = Bench::new(|_| "ab".to_owned());
    let raw = GotOptions {
        raw: true,
        ..options()
    };
    let readings = bench.read(&[7], raw).expect("read");
    let raw = readings[0].raw.as_ref().expect("asked for");
    let images = raw.prompt_ids.iter().filter(|&&id| id == IMAGE).count();
    assert_eq!(images, VIEW_TOKENS);
    assert_eq!(raw.token_ids, [97, 98]);
    assert_eq!(raw.text, "ab");
}

#[test]
fn pages_share_a_pass_where_it_holds_up() {
    let bench = Bench::with(all_seen, 4, ppocr());
    let readings = bench.read(&[1, 2, 3], together(2)).expect("read");
    let ranges: Vec<_> = readings.iter().map(|r| (r.first, r.count)).collect();
    assert_eq!(ranges, [(0, 2), (2, 1)]);
    assert_eq!(text(&readings[0]), format!("{}\n{}", seen(1), seen(2)));
    let decoding = readings[0].decoding.as_ref().expect("a decoder wrote it");
    assert_eq!(decoding.pages_in_pass, 2);
    assert!(decoding.attempts.is_empty());
}

#[test]
fn pages_of_a_pass_with_too_few_words_are_read_singly() {
    let bench = Bench::with(|asked| seen(asked.shades[0]), 4, ppocr());
    let readings = bench.read(&[1, 2], together(2)).expect("read");
    assert_eq!(readings.len(), 2);
    for (index, reading) in readings.iter().enumerate() {
        assert_eq!((reading.first, reading.count), (index, 1));
        assert_eq!(text(reading), seen(index as u8 + 1));
        let tried = [
            ("pass", FinishReason::End, Some("too-few-words")),
            ("single", FinishReason::End, None),
        ];
        assert_eq!(attempts(reading), tried);
    }
}

#[test]
fn pages_of_a_pass_that_repeats_itself_are_read_singly() {
    let bench = Bench::new(|asked| match &asked.shades[..] {
        [shade] => seen(*shade),
        _ => forever(asked),
    });
    let readings = bench.read(&[1, 2], together(2)).expect("read");
    assert_eq!(readings.len(), 2);
    let tried = [
        ("pass", FinishReason::Repetition, Some("repetition")),
        ("single", FinishReason::End, None),
    ];
    assert_eq!(attempts(&readings[1]), tried);
    assert_eq!(text(&readings[1]), seen(2));
}

#[test]
fn pages_of_an_empty_pass_are_read_singly_without_a_second_reader() {
    let bench = Bench::new(|asked| match &asked.shades[..] {
        [shade] => seen(*shade),
        _ => String::new(),
    });
    let readings = bench.read(&[1, 2], together(2)).expect("read");
    assert_eq!(
        attempts(&readings[0])[0],
        ("pass", FinishReason::End, Some("empty"))
    );
    assert_eq!(text(&readings[0]), seen(1));
}

#[test]
fn a_second_reader_that_cannot_be_made_leaves_passes_unchecked() {
    let none: CrossCheckFactory = Arc::new(|| Err("no such file".to_owned()));
    let bench = Bench::with(|asked| seen(asked.shades[0]), 4, Some(none));
    let verified = GotOptions {
        verify: Share::ALL,
        ..together(2)
    };
    let readings = bench.read(&[1, 2], verified).expect("read");
    assert_eq!(readings.len(), 1);
    assert_eq!(
        readings[0].decoding.as_ref().expect("written").verified,
        None
    );
}

#[test]
fn a_loop_is_cut_and_goes_on_with_no_run_coming_again() {
    let bench = Bench::new(|asked| {
        if asked.before.is_empty() {
            format!("A long first line. {}", "again and ".repeat(2000))
        } else {
            " The end.".to_owned()
        }
    });
    let readings = bench.read(&[1], options()).expect("read");
    let tried = [
        ("single", FinishReason::Repetition, Some("repetition")),
        ("no-repeat-ngram", FinishReason::End, None),
    ];
    assert_eq!(attempts(&readings[0]), tried);
    let text = text(&readings[0]);
    assert!(text.starts_with("A long first line."), "{text}");
    assert!(text.ends_with(" The end."), "{text}");
    assert!(text.len() < 100, "{text}");
    assert_eq!(readings[0].stop, FinishReason::End);
}

#[test]
fn plain_text_is_tried_where_formatted_text_repeats_itself() {
    let bench = Bench::new(|asked| {
        if asked.format() {
            forever(asked)
        } else {
            all_seen(asked)
        }
    });
    let readings = bench.read(&[1], options()).expect("read");
    let ways: Vec<_> = attempts(&readings[0]).iter().map(|a| a.0).collect();
    assert_eq!(ways, ["single", "no-repeat-ngram", "plain"]);
    assert_eq!(text(&readings[0]), seen(1));
    let decoding = readings[0].decoding.as_ref().expect("a decoder wrote it");
    assert_eq!(decoding.mode, GotMode::Plain);
    assert_eq!(decoding.stop, FinishReason::End);
}

#[test]
fn a_tiled_page_is_tried_whole() {
    let bench = Bench::new(|asked| match asked.shades.len() {
        1 => all_seen(asked),
        _ => forever(asked),
    });
    let tiled = GotOptions {
        tiles: TilePolicy::Always,
        mode: GotMode::Plain,
        ..options()
    };
    let readings = bench.read(&[100], tiled).expect("read");
    let ways: Vec<_> = attempts(&readings[0]).iter().map(|a| a.0).collect();
    assert_eq!(ways, ["single", "no-repeat-ngram", "whole"]);
    let tiling = &readings[0].decoding.as_ref().expect("written").tiling;
    assert_eq!((tiling.columns, tiling.rows), (1, 1));
}

#[test]
fn a_model_that_repeats_for_ever_gives_way_to_ppocr_within_half_of_the_tokens() {
    let bench = Bench::with(forever, 4, ppocr());
    let readings = bench.read(&[1], options()).expect("read");
    let reading = &readings[0];
    assert_eq!(reading.engine, EngineName::Ppocr);
    assert_eq!(text(reading), seen(1));
    assert!(matches!(reading.content, OcrContent::Regions(_)));
    assert_eq!(
        attempts(reading).last(),
        Some(&("ppocr", FinishReason::End, None))
    );
    let decoding = reading.decoding.as_ref().expect("attempts were made");
    let counted: u32 = decoding.attempts.iter().map(|a| a.tokens).sum();
    assert!(counted > 0 && counted <= MOST / 2, "{counted}");
    assert!(bench.steps.load(Ordering::SeqCst) <= MOST as usize / 2);
}

#[test]
fn without_ppocr_the_longest_text_that_was_cut_is_kept() {
    let bench = Bench::new(|asked| {
        let start = if asked.format() {
            ""
        } else {
            "Something else first. "
        };
        format!("{start}{}", forever(asked))
    });
    let readings = bench.read(&[1], options()).expect("read");
    let reading = &readings[0];
    assert_eq!(reading.engine, EngineName::Got);
    assert_eq!(reading.stop, FinishReason::Repetition);
    assert!(text(reading).starts_with("Something"), "{}", text(reading));
    let kept = attempts(reading).into_iter().filter(|a| a.2.is_none());
    assert_eq!(
        kept.collect::<Vec<_>>(),
        [("plain", FinishReason::Repetition, None)]
    );
}

#[test]
fn a_part_of_a_page_is_never_read_by_ppocr() {
    let bench = Bench::with(forever, 4, ppocr());
    let part = GotOptions {
        r#box: [0, 0, 500, 500].try_into().ok(),
        verify: Share::ALL,
        ..options()
    };
    let readings = bench.read(&[1], part).expect("read");
    assert_eq!(readings[0].engine, EngineName::Got);
    assert_eq!(
        readings[0].decoding.as_ref().expect("written").verified,
        None
    );
}

#[test]
fn without_the_guard_a_loop_runs_to_the_most_tokens() {
    let bench = Bench::with(forever, 4, ppocr());
    let unguarded = GotOptions {
        loop_guard: false,
        runtime: GotRuntime::limited_to(200),
        ..options()
    };
    let readings = bench.read(&[1], unguarded).expect("read");
    assert_eq!(readings[0].stop, FinishReason::Length);
    let decoding = readings[0].decoding.as_ref().expect("written");
    assert_eq!(
        (decoding.stop, decoding.tokens),
        (FinishReason::Length, 200)
    );
    assert!(decoding.attempts.is_empty());
}

#[test]
fn a_document_cannot_ask_for_more_tokens_than_the_engine_gives() {
    let bench = Bench::new(forever);
    let greedy = GotOptions {
        loop_guard: false,
        runtime: GotRuntime::limited_to(MOST * 2),
        ..options()
    };
    let readings = bench.read(&[1], greedy).expect("read");
    assert_eq!(readings[0].decoding.as_ref().expect("written").tokens, MOST);
}

#[test]
fn readings_are_compared_with_ppocr_where_asked() {
    let bench = Bench::with(
        |asked| match asked.shades[0] {
            1 => all_seen(asked),
            _ => "nothing of the kind".to_owned(),
        },
        4,
        ppocr(),
    );
    let verified = GotOptions {
        verify: Share::ALL,
        ..options()
    };
    let readings = bench.read(&[1, 2], verified).expect("read");
    let verdicts: Vec<_> = readings
        .iter()
        .map(|r| {
            r.decoding
                .as_ref()
                .expect("written")
                .verified
                .expect("asked")
        })
        .map(|v| (v.agreement, v.disagrees))
        .collect();
    assert_eq!(verdicts[0], (1.0, false));
    assert!(verdicts[1].1 && verdicts[1].0 < 0.5, "{verdicts:?}");
}

#[test]
fn an_empty_answer_has_no_confidence() {
    let bench = Bench::new(|_| String::new());
    let readings = bench.read(&[1], options()).expect("read");
    assert_eq!(readings[0].content, OcrContent::Markup(String::new()));
    assert_eq!(readings[0].confidence, None);
    assert_eq!(readings[0].stop, FinishReason::End);
}

#[test]
fn a_page_on_which_the_model_fails_does_not_take_others_with_it() {
    let bench = Bench::with(all_seen, 1, None);
    let readings = bench.read(&[1, 13, 2], options()).expect("two can be read");
    let firsts: Vec<_> = readings.iter().map(|r| r.first).collect();
    assert_eq!(firsts, [0, 2]);
    let error = bench.read(&[13], options()).expect_err("nothing to give");
    assert!(
        matches!(&error, EngineError::Model(why) if why.contains("unlucky")),
        "{error}"
    );
}
