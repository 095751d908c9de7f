//! [`JobBounds`]: the places that jobs may read from and write to.
//!
//! A job is done with the worker's credentials, so whoever may publish jobs could read whatever the worker can. The
//! operator names prefixes, and a job that leads elsewhere is refused before the store is asked for anything.
//!
//! Prefixes are compared by whole parts of the path: `s3://b/in` holds `s3://b/in` and `s3://b/in/x`, not
//! `s3://b/internal`. Keys are compared as they are written; a part that is `.` or `..`, or that becomes one when
//! `%2e` is decoded, is refused, because gateways before a store may resolve it. An empty part is a part like others.

use clap::Args;
use recto_schemas::{FailureKind, FailureStage, Job};

use super::failure::JobFailure;
use crate::store::StoreUri;

/// The places that jobs may name.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct JobBounds {
    /// Prefix that documents of jobs must be below, such as `s3://archive/in/` or file:///FOLDER; give it again, or
    /// with commas, for several [default: whatever the credentials reach]
    #[arg(long, value_name = "URIS", env = "RECTO_ALLOW_SOURCE", value_delimiter = ',', value_parser = prefix)]
    pub(crate) allow_source: Vec<StoreUri>,

    /// Prefix that results of jobs must be below, such as `s3://archive/out/` or file:///FOLDER; give it again, or
    /// with commas, for several [default: whatever the credentials reach]
    #[arg(long, value_name = "URIS", env = "RECTO_ALLOW_OUTPUT", value_delimiter = ',', value_parser = prefix)]
    pub(crate) allow_output: Vec<StoreUri>,
}

impl JobBounds {
    /// Checks that a job reads and writes where it may.
    ///
    /// # Errors
    /// It does not, or its URIs are none.
    pub(crate) fn check(&self, job: &Job) -> Result<(), JobFailure> {
        let uri = |member: &str, text: &str| {
            text.parse::<StoreUri>().map_err(|error| {
                let message = format!("`{member}`: {error}");
                JobFailure::new(FailureStage::Parse, FailureKind::BadMessage, message)
            })
        };
        let refused = |member: &str, uri: StoreUri, option: &str| {
            let message = format!(
                "`{member}`: {uri} is not below a prefix of {option}; name another place, or have this worker allow it"
            );
            JobFailure::new(FailureStage::Parse, FailureKind::NotAllowed, message)
        };
        let source = uri("source.uri", &job.source.uri)?;
        if !is_allowed(&self.allow_source, &source) {
            return Err(refused("source.uri", source, "--allow-source"));
        }
        let output = uri("output", &job.output)?;
        match self.allows_output(&output) {
            true => Ok(()),
            false => Err(refused("output", output, "--allow-output")),
        }
    }

    /// Returns true if prefixes for documents are named, and the document is below one.
    pub(crate) fn names_source(&self, at: &StoreUri) -> bool {
        !self.allow_source.is_empty() && is_allowed(&self.allow_source, at)
    }

    /// Returns true if results may be written below `prefix`.
    pub(crate) fn allows_output(&self, prefix: &StoreUri) -> bool {
        is_allowed(&self.allow_output, &folder(prefix))
    }

    /// A sentence about the options that are not set, if any.
    pub(crate) fn warning(&self) -> Option<String> {
        let open = match (self.allow_source.is_empty(), self.allow_output.is_empty()) {
            (false, false) => return None,
            (true, true) => "read and write",
            (true, false) => "read",
            (false, true) => "write",
        };
        Some(format!(
            "whoever can publish jobs may {open} in every bucket that this worker's credentials reach; \
             name prefixes with --allow-source and --allow-output"
        ))
    }
}

/// Parser of a prefix.
pub(crate) fn prefix(text: &str) -> Result<StoreUri, String> {
    let prefix: StoreUri = text.parse().map_err(|error| format!("{error}"))?;
    match has_dot_parts(path(&prefix)) {
        true => Err("write it without `.` and `..`".to_owned()),
        false => Ok(prefix),
    }
}

fn is_allowed(prefixes: &[StoreUri], at: &StoreUri) -> bool {
    prefixes.is_empty()
        || (!has_dot_parts(path(at)) && prefixes.iter().any(|prefix| is_below(at, prefix)))
}

/// Returns true if `at` is `prefix`, or goes on after it with another part.
pub(crate) fn is_below(at: &StoreUri, prefix: &StoreUri) -> bool {
    if at.root() != prefix.root() {
        return false;
    }
    let (at, prefix) = (path(at), path(prefix));
    let Some(rest) = at.strip_prefix(prefix) else {
        return false;
    };
    rest.is_empty() || prefix.is_empty() || prefix.ends_with('/') || rest.starts_with('/')
}

/// Results are written below their prefix, whether it ends with a slash or not.
fn folder(at: &StoreUri) -> StoreUri {
    let mut folder = at.as_folder();
    if let StoreUri::File { path } = &mut folder
        && !path.ends_with('/')
    {
        path.push('/');
    }
    folder
}

fn has_dot_parts(path: &str) -> bool {
    path.split('/').any(|part| {
        let plain = part.to_ascii_lowercase().replace("%2e", ".");
        matches!(plain.as_str(), "." | "..")
    })
}

fn path(at: &StoreUri) -> &str {
    match at {
        StoreUri::S3 { key, .. } => key,
        StoreUri::File { path } => path,
    }
}

#[cfg(test)]
mod tests {
    use recto_schemas::JobSource;

    use super::*;

    fn bounds(source: &[&str], output: &[&str]) -> JobBounds {
        let prefixes = |texts: &[&str]| texts.iter().map(|text| prefix(text).unwrap()).collect();
        JobBounds {
            allow_source: prefixes(source),
            allow_output: prefixes(output),
        }
    }

    fn checked(bounds: &JobBounds, source: &str, output: &str) -> Result<(), FailureKind> {
        let text = r#"{"schema": "recto.job/v1", "id": "a", "source": {"uri": ""}, "output": ""}"#;
        let job = Job {
            source: JobSource {
                uri: source.to_owned(),
                ..JobSource::default()
            },
            output: output.to_owned(),
            ..serde_json::from_str(text).unwrap()
        };
        bounds.check(&job).map_err(|failure| failure.kind)
    }

    #[test]
    fn a_document_is_read_below_a_prefix_only() {
        let bounds = bounds(
            &["s3://b/in", "s3://whole", "s3://c/x/", "file:///srv/in"],
            &[],
        );
        for (source, allowed) in [
            ("s3://b/in", true),
            ("s3://b/in/a.pdf", true),
            ("s3://b/in//a.pdf", true),
            ("s3://b/internal", false),
            ("s3://b/internal/a.pdf", false),
            ("s3://b//in/a.pdf", false),
            ("s3://b/a.pdf", false),
            ("s3://b", false),
            ("s3://bb/in/a.pdf", false),
            ("s3://B/in/a.pdf", false),
            ("s3://whole/anything/a.pdf", true),
            ("s3://whole2/a.pdf", false),
            ("s3://c/x/a.pdf", true),
            ("s3://c/x", false),
            ("file:///srv/in/a.pdf", true),
            ("file:///srv/internal/a.pdf", false),
            ("file:///srv/i%6e/a.pdf", true),
            ("file:///etc/passwd", false),
            // What a gateway before the store could resolve.
            ("s3://b/in/../hr/a.pdf", false),
            ("s3://b/in/..", false),
            ("s3://b/in/./a.pdf", false),
            ("s3://b/in/%2e%2e/hr/a.pdf", false),
            ("s3://b/in/.%2E/hr/a.pdf", false),
            ("s3://b/in/..a/x...pdf", true),
        ] {
            let found = checked(&bounds, source, "s3://anywhere/out");
            let wanted = match allowed {
                true => Ok(()),
                false => Err(FailureKind::NotAllowed),
            };
            assert_eq!(found, wanted, "{source}");
        }
        let found = checked(&bounds, "file:///srv/in/%2e%2e/x", "s3://out");
        assert_eq!(found, Err(FailureKind::BadMessage));
    }

    #[test]
    fn results_are_written_below_a_prefix_only() {
        let bounds = bounds(&[], &["s3://b/out/", "file:///srv/out/"]);
        for (output, allowed) in [
            ("s3://b/out", true),
            ("s3://b/out/", true),
            ("s3://b/out/letters", true),
            ("s3://b/outer", false),
            ("s3://b", false),
            ("s3://attacker/out", false),
            ("s3://b/out/../in", false),
            ("file:///srv/out", true),
            ("file:///srv/out/letters/", true),
            ("file:///srv", false),
        ] {
            let found = checked(&bounds, "s3://anything/a.pdf", output);
            assert_eq!(found.is_ok(), allowed, "{output}: {found:?}");
        }
    }

    #[test]
    fn without_prefixes_everything_is_allowed_and_that_is_said() {
        let open = JobBounds::default();
        assert_eq!(checked(&open, "s3://hr/../a.pdf", "s3://x"), Ok(()));
        assert!(open.warning().unwrap().contains("read and write"));
        let half = bounds(&["s3://in"], &[]);
        let said = half.warning().unwrap();
        assert!(said.contains("may write"), "{said}");
        assert_eq!(bounds(&["s3://in"], &["s3://out"]).warning(), None);
        assert!(prefix("s3://b/in/../x").is_err() && prefix("ftp://b").is_err());
    }
}
