//! Lengths of time as a person writes them: `500ms`, `10s`, `2m`, `1h`, or plain seconds.

use std::time::Duration;

/// About 24 days, in milliseconds: more than any wait here, and what a signed 32-bit count holds.
const LONGEST_MS: f64 = i32::MAX as f64;

/// Reads one length of time above zero.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit.trim() {
        "ms" => 1.0,
        "" | "s" => 1e3,
        "m" | "min" => 60e3,
        "h" => 3600e3,
        _ => return Err(usage()),
    };
    let milliseconds = number.parse::<f64>().map_err(|_| usage())? * unit_ms;
    match milliseconds.round() {
        whole if (1.0..=LONGEST_MS).contains(&whole) => Ok(Duration::from_millis(whole as u64)),
        _ => Err("give between 1ms and 24 days".to_owned()),
    }
}

fn usage() -> String {
    "give a length of time such as 500ms, 10s, 2m or 1h".to_owned()
}

/// One spelling for each length: whole seconds as `60s`, anything finer as `1500ms`.
pub(crate) fn spelled(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    if milliseconds.is_multiple_of(1000) {
        format!("{}s", milliseconds / 1000)
    } else {
        format!("{milliseconds}ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("10", 10_000),
            ("0.5", 500),
            ("2m", 120_000),
            ("2min", 120_000),
            ("1.5h", 5_400_000),
            (" 3 s ", 3_000),
        ] {
            assert_eq!(
                duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        for text in [
            "", "s", "10 days", "-1s", "0", "0ms", "1.2.3", "1e3", "NaN", "900h",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_length_has_one_spelling() {
        for (text, one) in [
            ("1m", "60s"),
            ("60", "60s"),
            ("1500ms", "1500ms"),
            ("1.5", "1500ms"),
        ] {
            assert_eq!(spelled(duration(text).unwrap()), one);
        }
    }
}
