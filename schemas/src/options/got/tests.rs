use super::*;
use crate::Options;

fn parsed(text: &str) -> Result<GotOptions, serde_json::Error> {
    serde_json::from_str(text)
}

#[test]
fn the_options_are_a_member_under_the_engines_name() {
    let text = r#"{"engine": "got", "got": {"mode": "plain", "tiles": "never", "pages_per_pass": 4,
        "box": [0, 10, 500, 1000], "verify": 0.5, "dtype": "q8", "device": "cuda:1"}}"#;
    let options: Options = serde_json::from_str(text).unwrap();
    let got = GotOptions {
        mode: GotMode::Plain,
        tiles: TilePolicy::Never,
        pages_per_pass: PagesPerPass::Most(4),
        r#box: Some([0, 10, 500, 1000].try_into().unwrap()),
        verify: 0.5.try_into().unwrap(),
        runtime: GotRuntime {
            dtype: Some(Dtype::Q8),
            device: Some("cuda:1".parse().unwrap()),
            ..GotRuntime::default()
        },
        ..GotOptions::default()
    };
    assert_eq!(options.got, Some(got));
    let again = serde_json::to_value(&options).unwrap();
    assert_eq!(again["got"]["box"], serde_json::json!([0, 10, 500, 1000]));
    assert_eq!(again["got"]["dtype"], "q8");
    assert_eq!(serde_json::from_value::<Options>(again).unwrap(), options);
}

#[test]
fn options_without_got_have_none_of_it() {
    let options: Options = serde_json::from_str(r#"{"engine": "ppocr", "html": true}"#).unwrap();
    assert_eq!(options.got, None);
    let written = serde_json::to_value(&options).unwrap();
    assert!(written.get("got").is_none(), "{written}");
}

#[test]
fn pages_per_pass_are_a_word_or_a_number() {
    for (text, found) in [
        ("\"auto\"", Some(PagesPerPass::Auto)),
        ("1", Some(PagesPerPass::Most(1))),
        ("\"8\"", Some(PagesPerPass::Most(8))),
        ("0", None),
        ("9", None),
        ("\"many\"", None),
        ("-1", None),
    ] {
        assert_eq!(serde_json::from_str(text).ok(), found, "{text}");
    }
    for pages in [PagesPerPass::Auto, PagesPerPass::Most(3)] {
        assert_eq!(pages.to_string().parse(), Ok(pages));
    }
}

#[test]
fn a_word_is_shown_as_it_is_written_in_json() {
    for word in [Dtype::F32, Dtype::Bf16, Dtype::F16, Dtype::Q8, Dtype::Q4] {
        assert_eq!(serde_json::to_value(word).unwrap(), word.to_string());
    }
}

#[test]
fn numbers_out_of_range_and_what_excludes_another_are_refused() {
    let check = |text: &str| {
        parsed(text)
            .map_err(|error| error.to_string())?
            .check()
            .map_err(str::to_owned)
    };
    assert_eq!(check("{}"), Ok(()));
    assert_eq!(check(r#"{"box": [0, 0, 1000, 1000]}"#), Ok(()));
    for wrong in [
        r#"{"box": [5, 0, 5, 9]}"#,
        r#"{"box": [0, 9, 5, 3]}"#,
        r#"{"box": [0, 0, 1001, 3]}"#,
        r#"{"box": [0, 0, 9, 9], "color": "red"}"#,
        r#"{"max_tiles": 1}"#,
        r#"{"max_tiles": 99}"#,
        r#"{"max_new_tokens": 0}"#,
        r#"{"verify": 1.5}"#,
        r#"{"verify": -0.1}"#,
        r#"{"batch_size": 0}"#,
        r#"{"device": "cuda:"}"#,
        r#"{"device": "tpu:0"}"#,
    ] {
        assert!(check(wrong).is_err(), "{wrong}");
    }
    assert!(Share::try_from(f64::NAN).is_err());
}
