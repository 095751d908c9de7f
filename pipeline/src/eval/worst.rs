//! The page of the worst cases: each page's image beside reference and prediction, differences marked, in one file that
//! loads nothing.
//!
//! All text is untrusted: it is escaped, and the page's own `Content-Security-Policy` lets nothing but its style and
//! its images through.

use std::time::{Duration, Instant};

use recto_schemas::{EvalCase, EvalTotal};
use similar::{Algorithm, DiffTag, capture_diff_slices_deadline};

use crate::text::review::html::{opened, push_args, push_data_url, push_plain, push_text};

/// Longest time for the words of one case; then the rest shows as one difference.
const COMPARE_TIMEOUT: Duration = Duration::from_secs(2);

/// Most characters shown of a text: more is no page but a book.
const MAX_CHARACTERS: usize = 20_000;

/// A case that is shown.
#[derive(Clone, Debug)]
pub struct WorstCase<'a> {
    /// The case.
    pub case: &'a EvalCase,
    /// Its page as a JPEG file, if there is one.
    pub jpeg: Option<Vec<u8>>,
}

/// The page, the cases in the order in which they come.
pub fn worst_page(data: &str, total: &EvalTotal, shown: &[WorstCase<'_>]) -> String {
    let mut html = opened(data, include_str!("worst.css"), "data:");
    html.push_str("<h1>");
    push_text(&mut html, data);
    push_plain(
        &mut html,
        format_args!(
            "</h1>\n<p class=\"dim\">The {} worst of {}, by character error rate; {:.2} % of all characters are wrong. \
             Texts are shown as they were compared. <del>Red</del>: in the reference alone; <ins>blue</ins>: in the prediction alone.</p>\n",
            shown.len(),
            total.cases,
            total.characters.rate * 100.0
        ),
    );
    for shown in shown {
        push_case(&mut html, shown);
    }
    html.push_str("</body>\n</html>\n");
    html
}

fn push_case(html: &mut String, shown: &WorstCase<'_>) {
    let case = shown.case;
    html.push_str("<section>\n<h2><bdi>");
    push_text(html, &case.name);
    html.push_str("</bdi>");
    if let Some(page) = case.page {
        push_plain(html, format_args!(", page {page}"));
    }
    push_plain(
        html,
        format_args!(
            " <span class=\"dim\">{} of {} characters wrong ({:.2} %), {} of {} words</span>",
            case.characters.errors,
            case.characters.of,
            case.characters.rate * 100.0,
            case.words.errors,
            case.words.of
        ),
    );
    if let Some(failure) = &case.failure {
        html.push_str(" <span class=\"bad\">");
        push_args(html, format_args!("{}: {}", failure.kind, failure.message));
        html.push_str("</span>");
    }
    html.push_str("</h2>\n<div>");
    match &shown.jpeg {
        Some(jpeg) => {
            html.push_str("<img alt=\"the page\" src=\"");
            push_data_url(html, jpeg);
            html.push_str("\">");
        }
        None => html.push_str("<p class=\"dim\">There is no image of it.</p>"),
    }
    html.push_str("</div>\n<div>\n");
    push_texts(html, &case.reference, &case.prediction);
    html.push_str("</div>\n</section>\n");
}

/// Reference and prediction, with the words marked that the other one does not have in that place.
fn push_texts(html: &mut String, reference: &str, prediction: &str) {
    let (reference, reference_cut) = shortened(reference);
    let (prediction, prediction_cut) = shortened(prediction);
    let words = |text| str::split_whitespace(text).collect::<Vec<_>>();
    let (wanted, read) = (words(reference), words(prediction));
    let deadline = Some(Instant::now() + COMPARE_TIMEOUT);
    let steps = capture_diff_slices_deadline(Algorithm::Myers, &wanted, &read, deadline);
    let same = |tag| tag == DiffTag::Equal;
    let pieces = steps.iter();
    let of_reference = pieces
        .clone()
        .map(|step| (same(step.tag()), &wanted[step.old_range()]));
    push_words(html, "Reference", "del", of_reference, reference_cut);
    let of_prediction = pieces.map(|step| (same(step.tag()), &read[step.new_range()]));
    push_words(html, "Prediction", "ins", of_prediction, prediction_cut);
}

fn push_words<'a>(
    html: &mut String,
    title: &str,
    mark: &str,
    pieces: impl Iterator<Item = (bool, &'a [&'a str])>,
    cut: bool,
) {
    push_plain(html, format_args!("<h3>{title}</h3>\n<p class=\"text\">"));
    for (same, words) in pieces.filter(|(_, words)| !words.is_empty()) {
        if same {
            push_text(html, &words.join(" "));
        } else {
            push_plain(html, format_args!("<{mark}>"));
            push_text(html, &words.join(" "));
            push_plain(html, format_args!("</{mark}>"));
        }
        html.push(' ');
    }
    if cut {
        html.push_str("<span class=\"dim\">… and so on</span>");
    }
    html.push_str("</p>\n");
}

/// The start of a long text, and whether more follows.
fn shortened(text: &str) -> (&str, bool) {
    match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::scored, *};

    fn case(reference: &str, prediction: &str) -> EvalCase {
        EvalCase {
            name: "<b>a&b</b>.png".to_owned(),
            page: Some(2),
            path: "a.png".to_owned(),
            ..scored(reference, prediction)
        }
    }

    fn page(case: &EvalCase, jpeg: Option<Vec<u8>>) -> String {
        let shown = [WorstCase { case, jpeg }];
        worst_page("data", &super::super::total(&[]), &shown)
    }

    #[test]
    fn differences_are_marked_on_both_sides() {
        let html = page(&case("the cat sat down", "the cot sat"), None);
        assert!(
            html.contains("the <del>cat</del> sat <del>down</del>"),
            "{html}"
        );
        assert!(html.contains("the <ins>cot</ins> sat "), "{html}");
    }

    #[test]
    fn nothing_from_outside_is_markup_and_nothing_is_loaded() {
        let evil = "<script>alert(1)</script> <img src=http://a.b/c>";
        let html = page(&case(evil, "\"><iframe>"), Some(vec![0xff, 0xd8]));
        assert!(!html.contains("<script") && !html.contains("<iframe") && !html.contains("<b>"));
        assert_eq!(html.matches("src=\"").count(), 1);
        assert!(html.contains("src=\"data:image/jpeg;base64,/9g=\""));
        assert!(html.contains("default-src 'none'") && html.contains("&lt;script&gt;"));
    }

    #[test]
    fn a_book_is_shown_from_its_start() {
        let book = "word ".repeat(MAX_CHARACTERS);
        let html = page(&case(&book, ""), None);
        assert!(html.len() < 3 * MAX_CHARACTERS && html.contains("and so on"));
    }
}
