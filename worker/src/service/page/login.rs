//! `/login` and `/logout`: a browser's key, in a cookie that no script and no other site gets.

use axum::{
    Form,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::{
    Answer, ErrorPage,
    html::{Escaped, Page},
    see,
};
use crate::service::{Shared, keys::COOKIE, problem::Problem};

/// The form that asks for a key.
#[derive(Deserialize)]
pub(super) struct LoginForm {
    key: String,
    /// The page that was asked for.
    #[serde(default)]
    to: String,
}

/// The page that asks for a key before it leads `to` another page.
pub(super) fn form(to: &str, wrong: Option<&str>) -> Page {
    let mut page = Page::new("Sign in", None);
    page.status = StatusCode::UNAUTHORIZED;
    let scheme = HeaderValue::from_static("Bearer");
    page.headers.insert(header::WWW_AUTHENTICATE, scheme);
    let (notice, described) = match wrong {
        Some(wrong) => (
            format!(
                "<p role=\"alert\" class=\"notice bad\" id=\"wrong\">{}</p>\n",
                Escaped(wrong)
            ),
            " aria-invalid=\"true\" aria-describedby=\"wrong\"",
        ),
        None => (String::new(), ""),
    };
    page.body = format!(
        "{notice}<p>This service asks for a key. Whoever runs it makes one with <code>recto api-key NAME</code>.</p>\n\
         <form method=\"post\" action=\"/login\" class=\"stack\">\n<input type=\"hidden\" name=\"to\" value=\"{}\">\n\
         <label for=\"key\">Key</label>\n<input type=\"password\" id=\"key\" name=\"key\" required autocomplete=\"current-password\"{described}>\n\
         <button>Sign in</button>\n</form>\n",
        Escaped(to)
    );
    page
}

/// `GET /login`.
pub(super) async fn show() -> Page {
    let mut page = form("/", None);
    page.status = StatusCode::OK;
    page.headers.clear();
    page
}

/// `POST /login`.
pub(super) async fn login(
    State(service): State<Shared>,
    headers: HeaderMap,
    Form(given): Form<LoginForm>,
) -> Answer<Response> {
    let to = match is_own_path(&given.to) {
        true => given.to.as_str(),
        false => "/",
    };
    let key = given.key.trim();
    // What a cookie can hold (RFC 6265, 4.1.1).
    let holds = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
    if key.is_empty() || !key.bytes().all(holds) {
        return Ok(form(to, Some("this is no key")).into_response());
    }
    let bearer = HeaderValue::try_from(format!("Bearer {key}"));
    let bearer = bearer.map_err(|_| Problem::bad_request("this is no key"))?;
    let asked = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
    match service.keys.caller(&asked) {
        Err(problem) if problem.status == StatusCode::UNAUTHORIZED => {
            return Ok(form(to, Some(&problem.detail)).into_response());
        }
        Err(problem) => return Err(ErrorPage(problem)),
        Ok(_) => {}
    }
    Ok(([(header::SET_COOKIE, cookie(key, &headers))], see(to)).into_response())
}

/// `POST /logout`.
pub(super) async fn logout(headers: HeaderMap) -> Response {
    let gone = cookie("", &headers) + "; Max-Age=0";
    ([(header::SET_COOKIE, gone)], see("/login")).into_response()
}

/// The cookie ends with the browser's session. It is for TLS alone where the browser asks by it.
fn cookie(key: &str, headers: &HeaderMap) -> String {
    let proto = headers.get("x-forwarded-proto");
    let secure = match proto.is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https")) {
        true => "; Secure",
        false => "",
    };
    format!("{COOKIE}={key}; HttpOnly; SameSite=Strict; Path=/{secure}")
}

/// Returns true for a path of this service, and false for what a browser takes for another host or a page that only
/// forms lead to.
fn is_own_path(to: &str) -> bool {
    let is_plain = to
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    is_plain && (to == "/" || to.starts_with("/jobs/") || to.starts_with("/batches/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_to_no_other_host() {
        for to in ["/", "/jobs/a?x=1", "/batches/1911"] {
            assert!(is_own_path(to), "{to}");
        }
        for to in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/jobs/\\x",
            "/logout",
            "/jobs/\r\nx: y",
        ] {
            assert!(!is_own_path(to), "{to}");
        }
    }
}
