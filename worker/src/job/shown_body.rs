//! The body of a message as its dead letter shows it: everything that a person needs, and no secret.
//!
//! Of a body that is JSON, members that are named like secrets are masked, and whatever equals one of them. Of anything
//! else the beginning is shown, as far as it consists of whole tokens of JSON and none of them, decoded, is named like a
//! secret. So neither an escaped name, nor another encoding, nor an unclosed text shows what comes after it. A secret in
//! a member with another name is not known for one.

use std::{collections::BTreeMap, mem};

use recto_schemas::Job;
use serde_json::Value;

use super::{
    message_limits::{self, MAX_TEXT_BYTES},
    parse::{MAX_BODY_BYTES, MAX_JOB_BYTES},
};
use crate::{observe::logging::redact_uri, store::StoreUri};

/// Most bytes that are shown of a body that is not JSON, or longer than a job.
const SHOWN_BYTES: usize = 4_096;

/// The sign in the place of a secret.
const MASK: &str = "***";

/// Parts of the names of secrets, without signs between their words.
const SECRET_NAMES: [&str; 8] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "credential",
    "authorization",
    "apikey",
];

/// The body without its secrets.
pub(crate) fn without_secrets(body: &[u8]) -> String {
    if body.len() <= MAX_BODY_BYTES
        && let Ok(mut value) = serde_json::from_slice::<Value>(body)
    {
        let mut secrets = Vec::new();
        mask_members(&mut value, &mut secrets);
        mask_texts(&mut value, &secrets);
        let mut text = value.to_string();
        if text.len() > MAX_JOB_BYTES {
            text.truncate(text.floor_char_boundary(SHOWN_BYTES));
        }
        return text;
    }
    whole_tokens(&body[..body.len().min(SHOWN_BYTES)]).to_owned()
}

/// The labels of a job without its password, and without what is named like a secret.
pub(super) fn labels(job: &Job) -> BTreeMap<String, String> {
    let password = job.password.as_ref().map(|password| password.reveal());
    let mut labels = job.labels.clone();
    for (name, label) in &mut labels {
        if is_secret_name(name) || password == Some(label.as_str()) {
            MASK.clone_into(label);
        }
    }
    labels
}

/// Masks members that are named like secrets, and gives what was in them.
fn mask_members(value: &mut Value, secrets: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if !is_secret_name(name) {
                    mask_members(member, secrets);
                } else if let Value::String(secret) = mem::replace(member, Value::from(MASK)) {
                    secrets.push(secret);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                mask_members(item, secrets);
            }
        }
        _ => {}
    }
}

/// Masks texts that are secrets, and cuts those that are too long.
fn mask_texts(value: &mut Value, secrets: &[String]) {
    match value {
        Value::Object(members) => {
            for member in members.values_mut() {
                mask_texts(member, secrets);
            }
        }
        Value::Array(items) => {
            for item in items {
                mask_texts(item, secrets);
            }
        }
        Value::String(text) if !text.is_empty() && secrets.contains(text) => {
            MASK.clone_into(text);
        }
        Value::String(text) if text.len() > MAX_TEXT_BYTES => message_limits::shorten(text),
        // Keys of objects may have `?` and `#`; addresses of other kinds may have secrets behind them.
        Value::String(text) if text.contains("://") && text.parse::<StoreUri>().is_err() => {
            *text = redact_uri(text);
        }
        _ => {}
    }
}

fn is_secret_name(name: &str) -> bool {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    let plain: String = letters.flat_map(char::to_lowercase).collect();
    SECRET_NAMES.iter().any(|secret| plain.contains(secret))
}

/// The beginning of a text, as far as it is tokens of JSON and no text among them is named like a secret.
fn whole_tokens(body: &[u8]) -> &str {
    let mut end = 0;
    while let Some(length) = token_length(&body[end..]) {
        end += length;
    }
    // Signs, numbers and words are ASCII, and texts were decoded.
    std::str::from_utf8(&body[..end]).unwrap_or_default()
}

/// Length of the token that a text begins with.
fn token_length(text: &[u8]) -> Option<usize> {
    let run = |of: fn(&u8) -> bool| text.iter().take_while(|byte| of(byte)).count();
    match text.first()? {
        b' ' | b'\t' | b'\n' | b'\r' | b'{' | b'}' | b'[' | b']' | b':' | b',' => Some(1),
        b'-' | b'0'..=b'9' => Some(run(|byte| {
            matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
        })),
        b'"' => {
            let length = text_length(text)?;
            let decoded: String = serde_json::from_slice(&text[..length]).ok()?;
            (!is_secret_name(&decoded)).then_some(length)
        }
        _ => {
            let word = &text[..run(u8::is_ascii_alphabetic)];
            matches!(word, b"true" | b"false" | b"null").then_some(word.len())
        }
    }
}

/// Length of a quoted text with its quotes.
fn text_length(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    let close = text.iter().skip(1).position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    })?;
    Some(close + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = r#"{"schema":"recto.job/v1","id":"j1","batch":"b","source":{"uri":"s3://a/b.pdf"},"output":"s3://a/out"}"#;

    #[test]
    fn a_dead_letter_still_names_its_document() {
        let with = JOB.replace("s3://a/b.pdf", "s3://archive/a?b#c.pdf");
        assert!(without_secrets(with.as_bytes()).contains("s3://archive/a?b#c.pdf"));
        let signed = JOB.replace("s3://a/b.pdf", "https://host/b.pdf?X-Amz-Signature=abc");
        assert!(!without_secrets(signed.as_bytes()).contains("Signature"));
    }

    #[test]
    fn a_dead_letter_shows_no_password() {
        let with = JOB.replace("\"id\"", "\"password\":\"hunter2\",\"id\"");
        let shown = without_secrets(with.as_bytes());
        assert!(
            !shown.contains("hunter2") && shown.contains("j1"),
            "{shown}"
        );

        let cut = &with[..with.find("hunter2").unwrap() + 7];
        let shown = without_secrets(cut.as_bytes());
        assert!(
            !shown.contains("hunter2") && shown.contains("recto.job"),
            "{shown}"
        );
    }

    #[test]
    fn a_body_that_is_not_json_is_shown_up_to_the_first_doubt() {
        for (body, wanted) in [
            (r#"{"id":"j1","pass\u0077ord":"hunter2","#, r#"{"id":"j1","#),
            (r#"{"id":"j1","PASS_WORD" "hunter2"}"#, r#"{"id":"j1","#),
            (r#"{"id":"j1,"password":"hunter2"}"#, r#"{"id":"j1,""#),
            (r#"{"id":"j1"","password":"hunter2"}"#, r#"{"id":"j1"",""#),
            ("{'id':'j1','password':'hunter2'}", "{"),
            (
                r#"{"id":1e3,"a":[true,nul],"b":"hunter2"}"#,
                r#"{"id":1e3,"a":[true,"#,
            ),
            (r#"{"id":"j1"} hunter2"#, r#"{"id":"j1"} "#),
            (r#"{"id":"hunter2"#, r#"{"id":"#),
            (r#"["pwd","hunter2""#, "["),
            ("hunter2", ""),
        ] {
            assert_eq!(without_secrets(body.as_bytes()), wanted, "{body}");
        }
        let wide =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        assert_eq!(without_secrets(&wide(r#"{"password":"hunter2"}"#)), "{");
        assert_eq!(
            without_secrets(b"{\"a\":\"\xff\",\"password\":\"hunter2\"}"),
            "{\"a\":"
        );
    }

    /// Every way to break a message by one sign: cut off, without it, with another one in its place or before it.
    #[test]
    fn no_single_break_of_a_message_shows_its_password() {
        let job = JOB.replace(
            "\"id\"",
            r#""password":"hunter2","labels":{"a":"b\"c"},"id""#,
        );
        let assert_hidden = |body: &[u8]| {
            let shown = without_secrets(body);
            assert!(!shown.contains("hunter"), "{shown}");
        };
        let (all, mut broken) = (job.as_bytes(), 0);
        assert!(serde_json::from_slice::<Job>(all).is_ok());
        for at in 0..all.len() {
            let (before, after) = (&all[..at], &all[at + 1..]);
            assert_hidden(before);
            let mut bodies = vec![[before, after].concat()];
            for sign in b"\"'{}[],:\0 1\xff" {
                bodies.push([before, &[*sign], after].concat());
                bodies.push([before, &[*sign], &all[at..]].concat());
            }
            // A sign inside the name makes another member of it, inside the password another password.
            let is_whole = |body: &&Vec<u8>| {
                [&b"password"[..], b"hunter2"]
                    .iter()
                    .all(|word| body.windows(word.len()).any(|found| found == *word))
            };
            for body in bodies.iter().filter(is_whole) {
                broken += u32::from(serde_json::from_slice::<Value>(body).is_err());
                assert_hidden(body);
            }
        }
        assert!(broken > 1_500, "{broken}");
    }

    #[test]
    fn what_equals_a_password_is_no_more_shown_than_it() {
        let job = JOB.replace(
            "\"id\"",
            r#""password":"hunter2","labels":{"a":"hunter2","Api-Key":"k1","b":"kept"},"id""#,
        );
        let shown = without_secrets(job.as_bytes());
        assert!(
            !shown.contains("hunter2") && !shown.contains("k1"),
            "{shown}"
        );
        assert!(
            shown.contains("kept") && shown.contains("s3://a/b.pdf"),
            "{shown}"
        );
        let job: Job = serde_json::from_str(&job).unwrap();
        let labels = labels(&job);
        assert_eq!(
            labels.values().map(String::as_str).collect::<Vec<_>>(),
            [MASK, MASK, "kept"]
        );
    }
}
