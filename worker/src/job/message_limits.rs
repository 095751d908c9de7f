//! Limits of a job's message: bytes of each text, members of each list.
//!
//! What a publisher writes is copied into URLs, headers, logs, results and dead letters, so no text of it is long.

use std::fmt::Write as _;

use recto_schemas::Job;
use serde_json::Value;

/// Longest text of a message, in bytes: the longest path that Linux takes (`PATH_MAX`).
pub(super) const MAX_TEXT_BYTES: usize = 4_096;

/// Most members of a list or object.
const MAX_MEMBERS: usize = 1_000;

/// Most labels.
const MAX_LABELS: usize = 64;

/// The longest `id`, `batch`, label and so on, in characters.
pub(super) const MAX_WORD: usize = 200;

/// Most characters of a member's name that an error shows.
const SHOWN_NAME: usize = 40;

/// Most characters that are left of a text that is too long.
const SHOWN_TEXT: usize = 200;

/// A value of a message that is beyond a limit.
struct TooLarge {
    /// Names of members on the way to it, innermost first.
    path: Vec<String>,
    /// Says how large it is.
    reason: String,
}

/// Checks every text, list and object of a message, whether its members are known or not.
///
/// # Errors
/// A sentence that names the member, and quotes nothing of its value.
pub(super) fn check(message: &Value) -> Result<(), String> {
    check_value(message).map_err(|TooLarge { path, reason }| {
        let mut name = String::new();
        for part in path.iter().rev() {
            if !name.is_empty() && !part.starts_with('[') {
                name.push('.');
            }
            name.push_str(part);
        }
        match name.is_empty() {
            true => format!("the message {reason}"),
            false => format!("`{name}` {reason}"),
        }
    })
}

fn check_value(value: &Value) -> Result<(), TooLarge> {
    let too_large = |reason| {
        Err(TooLarge {
            path: Vec::new(),
            reason,
        })
    };
    let members = match value {
        Value::String(text) if text.len() > MAX_TEXT_BYTES => {
            return too_large(format!(
                "has {} bytes; a text has at most {MAX_TEXT_BYTES}",
                text.len()
            ));
        }
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => return Ok(()),
    };
    if members > MAX_MEMBERS {
        return too_large(format!("has {members} members; there may be {MAX_MEMBERS}"));
    }
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check_value(item).map_err(|error| error.below(format!("[{index}]")))?;
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                if name.len() > MAX_TEXT_BYTES {
                    return too_large(format!(
                        "has a member whose name has {} bytes; a text has at most {MAX_TEXT_BYTES}",
                        name.len()
                    ));
                }
                check_value(member).map_err(|error| error.below(shown_name(name)))?;
            }
        }
        _ => {}
    }
    Ok(())
}

impl TooLarge {
    fn below(mut self, name: String) -> Self {
        self.path.push(name);
        self
    }
}

fn shown_name(name: &str) -> String {
    let shown: String = name.chars().take(SHOWN_NAME).collect();
    let more = if shown.len() < name.len() { "…" } else { "" };
    format!("{}{more}", shown.escape_debug())
}

/// Checks the words of a job, which results carry and logs show.
///
/// # Errors
/// A sentence that names the member.
pub(super) fn check_words(job: &Job) -> Result<(), String> {
    if job.labels.len() > MAX_LABELS {
        let labels = job.labels.len();
        return Err(format!(
            "`labels` has {labels} members; there may be {MAX_LABELS}"
        ));
    }
    let members = [
        ("id", Some(&job.id)),
        ("batch", job.batch.as_ref()),
        ("engine", job.engine.as_ref()),
        ("traceparent", job.traceparent.as_ref()),
        ("submitted_at", job.submitted_at.as_ref()),
    ];
    let members = members
        .into_iter()
        .filter_map(|(name, word)| Some((name, word?)));
    let labels = job.labels.iter();
    let labels = labels.flat_map(|(name, label)| [("labels", name), ("labels", label)]);
    for (name, word) in members.chain(labels) {
        if word.chars().count() > MAX_WORD || word.chars().any(char::is_control) {
            return Err(format!(
                "`{name}` is no word: it has at most {MAX_WORD} characters and no control characters"
            ));
        }
    }
    let ranges = job.options.pages.as_ref().map_or(0, |pages| pages.ranges());
    if ranges > MAX_MEMBERS {
        return Err(format!(
            "`options.pages` has {ranges} ranges; there may be {MAX_MEMBERS}"
        ));
    }
    Ok(())
}

/// Cuts a text of a message that is longer than any may be.
pub(super) fn shorten(text: &mut String) {
    if text.len() > MAX_TEXT_BYTES {
        let bytes = text.len();
        let end = text
            .char_indices()
            .nth(SHOWN_TEXT)
            .map_or(bytes, |(at, _)| at);
        text.truncate(end);
        write!(text, "… ({bytes} bytes)").expect("a string takes everything");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_too_long_is_named_and_not_quoted() {
        let long = "q".repeat(900_000);
        let many: Vec<usize> = (0..=MAX_MEMBERS).collect();
        for (message, name) in [
            (
                json!({"source": {"uri": long}}),
                "`source.uri` has 900000 bytes",
            ),
            (json!({"labels": {"a": long}}), "`labels.a` has"),
            (
                json!({"options": {"boxes": [1, [long]]}}),
                "`options.boxes[1][0]` has",
            ),
            (
                json!({"labels": {&long: "a"}}),
                "`labels` has a member whose name",
            ),
            (
                json!({"options": {"pages": many}}),
                "`options.pages` has 1001 members",
            ),
            (json!(long), "the message has"),
            (json!({"a\nb".repeat(100): long}), "`a\\nba\\nb"),
        ] {
            let said = check(&message).unwrap_err();
            assert!(said.starts_with(name), "{said}");
            assert!(said.len() < 300 && !said.contains("qqq"), "{said}");
        }
        let largest = "q".repeat(MAX_TEXT_BYTES);
        assert_eq!(check(&json!({"a": [largest], "b": {"c": 1}})), Ok(()));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let mut text = "ä".repeat(4_000);
        shorten(&mut text);
        assert_eq!(text, format!("{}… (8000 bytes)", "ä".repeat(SHOWN_TEXT)));
        let mut short = "ä".to_owned();
        shorten(&mut short);
        assert_eq!(short, "ä");
    }
}
