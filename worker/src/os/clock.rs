//! The time of day, as messages have it.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// This instant, RFC 3339, to the millisecond.
pub(crate) fn now() -> String {
    let now = OffsetDateTime::now_utc();
    let to_milliseconds = now.replace_millisecond(now.millisecond()).unwrap_or(now);
    to_milliseconds.format(&Rfc3339).unwrap_or_default()
}

/// An instant in milliseconds since 1970 as RFC 3339; `None` for 0, which stands for an unknown one.
pub(crate) fn from_milliseconds(at: i64) -> Option<String> {
    let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000).ok()?;
    (at != 0).then(|| instant.format(&Rfc3339).ok())?
}
