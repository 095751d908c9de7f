//! The time of day, as messages have it.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// This instant, RFC 3339, to the millisecond.
pub(crate) fn now() -> String {
    let now = OffsetDateTime::now_utc();
    let to_milliseconds = now.replace_millisecond(now.millisecond()).unwrap_or(now);
    to_milliseconds.format(&Rfc3339).unwrap_or_default()
}
