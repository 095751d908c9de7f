//! HTML of the review page: escaped text, addresses, the page's own style.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::format_controls::without;

/// Writes `text` so that it shows as it is, in an element or in a quoted attribute. Control
/// characters, which HTML cannot say, show as U+FFFD.
pub fn push_text(html: &mut String, text: &str) {
    for c in without(text).chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' | '\t' => html.push(c),
            c if c.is_control() => html.push('\u{FFFD}'),
            c => html.push(c),
        }
    }
}

/// Writes formatted text as [`push_text`] does.
pub fn push_args(html: &mut String, text: std::fmt::Arguments<'_>) {
    push_text(html, &text.to_string());
}

/// Writes numbers and other text that is known to need no escaping.
pub fn push_plain(html: &mut String, text: std::fmt::Arguments<'_>) {
    html.write_fmt(text).expect("a string takes all text");
}

/// The start of a page as far as its body, with a policy that lets nothing through but `style` and images from `images`
/// (a source list of CSP).
pub fn opened(title: &str, style: &str, images: &str) -> String {
    let hash = style_source(style);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src {hash}; img-src {images}; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>"
    );
    push_text(&mut html, title);
    push_plain(
        &mut html,
        format_args!("</title>\n<style>{style}</style>\n</head>\n<body>\n"),
    );
    html
}

/// A file name as one segment of a relative URL: all but unreserved characters percent-encoded
/// (RFC 3986, section 2.3), so that it is no scheme and no path.
pub fn url_segment(name: &[u8]) -> String {
    let mut url = String::new();
    for &byte in name {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                url.push(byte.into());
            }
            _ => push_plain(&mut url, format_args!("%{byte:02X}")),
        }
    }
    url
}

/// The style of the page. Its end links lines to boxes without script: a line and its box carry the
/// same digits as classes, `a` for ones, `b` for tens, `c` for hundreds; what is pointed at sets a
/// property for each digit on all that share it, and only the line that shares all three is marked
/// by their product. `x`, `y` and `z` say the same of the target of the address.
pub fn style() -> String {
    let mut style = include_str!("review.css").to_owned();
    for digit in 0..10 {
        for (class, target) in [('a', 'x'), ('b', 'y'), ('c', 'z')] {
            push_plain(
                &mut style,
                format_args!(
                    "section:has(.{class}{digit}:is(:hover,:focus-visible)) .{class}{digit} {{ --{class}: 1; }}\n\
                     section:has(.{class}{digit}:target) .{class}{digit} {{ --{target}: 1; }}\n"
                ),
            );
        }
    }
    style
}

/// The `style-src` of a page with that style and no other (CSP level 2, section 4.2.5).
pub fn style_source(style: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(style)))
}

/// A `data:` address of a JPEG.
pub fn push_data_url(html: &mut String, jpeg: &[u8]) {
    html.push_str("data:image/jpeg;base64,");
    STANDARD.encode_string(jpeg, html);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_shows_as_it_is() {
        let mut html = String::new();
        push_text(
            &mut html,
            "a<b> & \"c\" 'd' ]]> \u{0}\u{1b}\u{9b}\r\n中文 é",
        );
        assert_eq!(
            html,
            "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39; ]]&gt; \u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\n中文 é"
        );
    }

    #[test]
    fn a_file_name_is_one_segment_of_a_relative_address() {
        assert_eq!(
            url_segment(b"javascript:a/b.images"),
            "javascript%3Aa%2Fb.images"
        );
        assert_eq!(
            url_segment("Bücher 1?#\"".as_bytes()),
            "B%C3%BCcher%201%3F%23%22"
        );
        assert_eq!(url_segment(b"\xff"), "%FF");
    }

    #[test]
    fn the_style_can_stand_in_an_element() {
        let style = style();
        assert!(!style.contains('<') && !style.contains("url(") && !style.contains("@import"));
        // Of the empty style, known from elsewhere.
        assert_eq!(
            style_source(""),
            "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
        );
    }
}
