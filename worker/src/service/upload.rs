//! Uploads: a document from a request's body to the store, through a file, with its size capped.

use std::{path::Path, time::Duration};

use axum::{body::Bytes, http::StatusCode};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use recto_schemas::JobSource;
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;
use tokio::{fs::File, io::AsyncWriteExt as _, time::timeout};

use super::{Service, problem::Problem};
use crate::{
    document::{manifest::hex, media_type::media_type},
    store::{ObjectStore as _, PutOutcome, WriteCondition, safe_path},
};

/// Timeout for the next part of a body.
pub(super) const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Digits of the hash that name the first folder: enough to spread a great many documents.
const FOLDER_DIGITS: usize = 2;
/// Longest name that a document keeps, in bytes.
const MAX_NAME_BYTES: usize = 200;
/// The name of a document that has none.
const UNNAMED: &str = "document";

/// A document in a file of this machine.
#[derive(Debug)]
pub(super) struct SpooledDocument {
    path: TempPath,
    name: String,
    pub(super) bytes: u64,
    sha256: String,
}

impl SpooledDocument {
    /// Takes a body of at most `max_bytes`.
    pub(super) async fn take<E: std::fmt::Display>(
        body: impl Stream<Item = Result<Bytes, E>>,
        name: Option<&str>,
        max_bytes: u64,
        scratch: &Path,
    ) -> Result<Self, Problem> {
        let full = |error: std::io::Error| {
            tracing::warn!(%error, "an upload cannot be kept");
            Problem::busy("there is no room for an upload; try again later")
        };
        let file = tempfile::Builder::new()
            .prefix("recto-upload-")
            .tempfile_in(scratch)
            .map_err(full)?;
        let (file, path) = file.into_parts();
        let mut file = File::from_std(file);
        let mut body = std::pin::pin!(body.map_err(|error| error.to_string()));
        let (mut bytes, mut hash) = (0_u64, Sha256::new());
        loop {
            let next = timeout(STALL_TIMEOUT, body.next()).await.map_err(|_| {
                Problem::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "nothing more of the document has come for 30 seconds",
                )
            })?;
            let Some(part) = next else { break };
            let part = part.map_err(|error| {
                Problem::bad_request(format!("the document did not come whole: {error}"))
            })?;
            bytes += part.len() as u64;
            if bytes > max_bytes {
                return Err(Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!(
                        "the document is larger than {max_bytes} bytes, which is the most here"
                    ),
                ));
            }
            hash.update(&part);
            file.write_all(&part).await.map_err(full)?;
        }
        file.flush().await.map_err(full)?;
        if bytes == 0 {
            return Err(Problem::bad_request("the document is empty"));
        }
        Ok(Self {
            path,
            name: kept_name(name.unwrap_or_default()),
            bytes,
            sha256: hex(&hash.finalize()),
        })
    }

    /// Puts it into the store, under a name that its content tells: the same document is stored once.
    pub(super) async fn store(self, service: &Service) -> Result<JobSource, Problem> {
        let Some(uploads) = &service.uploads else {
            return Err(Problem::new(
                StatusCode::NOT_IMPLEMENTED,
                "this service takes no uploads: it was started without --uploads and --output",
            ));
        };
        let folder = &self.sha256[..FOLDER_DIGITS];
        let below = format!(
            "{folder}/{}/{}",
            self.sha256,
            safe_path(self.name.as_bytes())
        );
        let at = uploads
            .join(&below)
            .map_err(|error| Problem::bad_request(error.to_string()))?;
        let content_type = media_type(Path::new(&self.name));
        let put = service
            .stores
            .put(&at, &self.path, content_type, WriteCondition::IfAbsent)
            .await?;
        let etag = match put {
            PutOutcome::Written { etag: Some(etag) } => Some(etag),
            PutOutcome::Written { etag: None } | PutOutcome::AlreadyExists => {
                service.stores.stat(&at, &Default::default()).await?.etag
            }
        };
        Ok(JobSource {
            uri: at.to_string(),
            version_id: None,
            etag,
        })
    }
}

/// The last part of a name that a client gave, of any system.
fn kept_name(given: &str) -> String {
    let name = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|letter| !letter.is_control()).collect();
    let name = name.trim();
    match name {
        "" | "." | ".." => UNNAMED.to_owned(),
        _ => {
            let from = name.len().saturating_sub(MAX_NAME_BYTES);
            name[name.ceil_char_boundary(from)..].to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_keeps_the_last_part_of_its_name() {
        for (given, kept) in [
            ("letter.pdf", "letter.pdf"),
            ("C:\\scans\\ä b.pdf", "ä b.pdf"),
            ("../../etc/passwd", "passwd"),
            ("a/..", "document"),
            ("", "document"),
            ("x\r\ny.pdf", "xy.pdf"),
        ] {
            assert_eq!(kept_name(given), kept);
        }
        assert!(kept_name(&("ö".repeat(300) + ".pdf")).len() <= MAX_NAME_BYTES);
    }
}
