//! The frame of every page, and text that comes from documents and clients as HTML.

use std::{fmt, sync::LazyLock};

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use recto_pipeline::text::escape_html;
use sha2::{Digest as _, Sha256};

use crate::service::keys::Caller;

/// The one style of all pages.
const STYLE: &str = include_str!("page.css");

/// The powers of a page: to show its style, its pictures and a review page, and send forms to this service.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src 'self'; frame-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    HeaderValue::try_from(policy).expect("a policy is ASCII")
});

/// Text of an element or a quoted attribute. It cannot turn the text around it: see [`Name`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = escape_html(self.0).replace('"', "&quot;");
        f.write_str(&quoted.replace('\'', "&#39;"))
    }
}

/// A name within a sentence or a cell, in the direction of its own letters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a>(pub(super) &'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<bdi>{}</bdi>", Escaped(self.0))
    }
}

/// One segment of a path, or a value of a query: all but unreserved characters percent-encoded (RFC 3986, 2.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a>(pub(super) &'a str);

impl fmt::Display for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    write!(f, "{}", char::from(byte))?;
                }
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

/// A number of bytes for people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size(pub(super) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
        if self.0 < 1_000 {
            return write!(f, "{} B", self.0);
        }
        let (mut value, mut unit) = (self.0 as f64 / 1e3, 0);
        while value >= 1e3 && unit + 1 < UNITS.len() {
            value /= 1e3;
            unit += 1;
        }
        write!(f, "{value:.1} {}", UNITS[unit])
    }
}

/// A page of the service.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    title: String,
    /// Links to the pages above: name and address.
    above: Vec<(String, String)>,
    /// The page loads itself again after so many seconds.
    refresh_s: Option<u32>,
    /// Headers besides those of every page.
    pub(super) headers: HeaderMap,
    has_key: bool,
    is_wide: bool,
    pub(super) body: String,
}

impl Page {
    pub(super) fn new(title: impl Into<String>, caller: Option<&Caller>) -> Self {
        Self {
            status: StatusCode::OK,
            title: title.into(),
            above: Vec::new(),
            refresh_s: None,
            headers: HeaderMap::new(),
            has_key: matches!(caller, Some(Caller::Key(_))),
            is_wide: false,
            body: String::new(),
        }
    }

    /// The same, below another page.
    pub(super) fn below(mut self, name: &str, address: String) -> Self {
        self.above.push((name.to_owned(), address));
        self
    }

    /// The same, loaded again after so many seconds.
    pub(super) fn refreshed(self, refresh_s: Option<u32>) -> Self {
        Self { refresh_s, ..self }
    }

    /// The same, as wide as the window.
    pub(super) fn wide(self) -> Self {
        Self {
            is_wide: true,
            ..self
        }
    }

    fn html(&self) -> String {
        let title = Escaped(&self.title);
        let refresh = match self.refresh_s {
            Some(seconds) => format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">\n"),
            None => String::new(),
        };
        let mut above = String::new();
        for (name, address) in &self.above {
            above += &format!(
                "<li><a href=\"{}\">{}</a></li>",
                Escaped(address),
                Name(name)
            );
        }
        let leave = match self.has_key {
            true => {
                "<form method=\"post\" action=\"/logout\"><button class=\"plain\">Sign out</button></form>"
            }
            false => "",
        };
        let wide = if self.is_wide { " class=\"wide\"" } else { "" };
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n{refresh}\
             <title>{title} – Recto</title>\n<style>{STYLE}</style>\n</head>\n<body{wide}>\n\
             <a class=\"skip\" href=\"#main\">Skip to the content</a>\n\
             <header><nav aria-label=\"Place\"><ol><li><a href=\"/\">Recto</a></li>{above}</ol></nav>{leave}</header>\n\
             <main id=\"main\" tabindex=\"-1\">\n<h1><bdi>{title}</bdi></h1>\n{}</main>\n</body>\n</html>\n",
            self.body
        )
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut answer = (self.status, Html(self.html())).into_response();
        answer.headers_mut().extend(self.headers);
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
        answer
    }
}

/// A button that sends a form with these fields, all of which the page knows.
pub(super) fn button(action: &str, fields: &[(&str, &str)], words: &str, class: &str) -> String {
    let mut html = format!("<form method=\"post\" action=\"{}\">", Escaped(action));
    for (name, value) in fields {
        html += &format!(
            "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
            Escaped(value)
        );
    }
    html + &format!(
        "<button class=\"{class}\">{}</button></form>\n",
        Escaped(words)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text_in_elements_attributes_and_addresses() {
        let hostile = "a\"b'<script>&";
        assert_eq!(
            Escaped(hostile).to_string(),
            "a&quot;b&#39;&lt;script&gt;&amp;"
        );
        assert_eq!(Segment("a/b ?ä").to_string(), "a%2Fb%20%3F%C3%A4");
        assert_eq!(Size(999).to_string(), "999 B");
        assert_eq!(Size(1_250_000).to_string(), "1.2 MB");
    }
}
