//! The object by which a store is tried out: its name, its content, and how a failed step is told.

use time::OffsetDateTime;

use super::{Result, StoreError, StoreUri};

/// Begin of a probe's name; the time of its writing and a random number follow.
const NAME: &str = "probe-";

/// Content of a probe.
pub(super) const CONTENT: &[u8] = b"written by recto to try out the store; it may be removed\n";

/// Media type of a probe.
pub(super) const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// Age, in seconds, from which a probe is left over: its worker died before it could remove it. Clocks differ by less.
const STALE_S: i64 = 24 * 3600;

/// A name that no other probe has.
pub(super) fn name() -> String {
    let now_s = OffsetDateTime::now_utc().unix_timestamp();
    format!("{NAME}{now_s}-{:016x}", rand::random::<u64>())
}

/// Returns true for a probe that nobody will remove any more.
pub(super) fn is_stale(probe: &StoreUri) -> bool {
    let written_s = probe.name().strip_prefix(NAME).and_then(|rest| {
        let (seconds, _) = rest.split_once('-')?;
        seconds.parse::<i64>().ok()
    });
    let now_s = OffsetDateTime::now_utc().unix_timestamp();
    written_s.is_some_and(|written_s| now_s.saturating_sub(written_s) > STALE_S)
}

/// The probe `name` in `folder` below a prefix; in the prefix itself if `folder` is empty.
pub(super) fn object(below: &StoreUri, folder: &str) -> Result<StoreUri> {
    let joined = below.join(&format!("{folder}{}", name()));
    joined.map_err(|error| StoreError::new(below, error.into()))
}

/// For `map_err`: names the step that failed.
pub(super) fn during(step: &'static str) -> impl FnOnce(StoreError) -> StoreError {
    move |error| StoreError {
        at: format!("{step} {}", error.at),
        cause: error.cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_left_over_after_a_day() {
        let below: StoreUri = "s3://b/out".parse().unwrap();
        let fresh = object(&below, ".recto/").unwrap();
        assert!(fresh.to_string().starts_with("s3://b/out/.recto/probe-"));
        assert!(!is_stale(&fresh));
        assert_ne!(fresh, object(&below, ".recto/").unwrap());
        for (name, stale) in [
            ("probe-1700000000-00ff", true),
            ("probe-99999999999-00ff", false),
            ("probe-x-1", false),
            ("document.md", false),
        ] {
            assert_eq!(is_stale(&below.join(name).unwrap()), stale, "{name}");
        }
    }
}
