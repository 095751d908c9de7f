//! GET to a file or to memory, resumed where the stream broke.

use std::{io, path::Path, sync::atomic::Ordering};

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::SdkError,
    operation::get_object::{GetObjectError, GetObjectOutput},
};
use tokio::{
    fs::File,
    io::{AsyncSeekExt as _, AsyncWriteExt as _},
    time,
};

use super::super::{
    ErrorCause, ObjectMetadata, ObjectVersion, Result, StoreError, StoreUri, backoff,
};
use super::{
    S3Store, check_version,
    checksum::{BodyCheck, Md5Sum, md5_in},
    errors, object,
    stat::whole_bytes,
};

/// End of the names of directory buckets (S3 Express One Zone), whose ETags are no MD5s.
const DIRECTORY_BUCKET: &str = "--x-s3";

/// The target of a download.
pub(super) enum DownloadTarget {
    /// A file.
    File(File),
    /// Memory, if the caller's limit is small.
    Memory(Vec<u8>),
}

impl DownloadTarget {
    pub(super) async fn file(path: &Path) -> io::Result<Self> {
        Ok(Self::File(File::create(path).await?))
    }

    pub(super) fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Memory(bytes) => Some(bytes),
            Self::File(_) => None,
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.write_all(bytes).await,
            Self::Memory(memory) => {
                memory.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// The file takes bytes in the background: this waits for them and reports errors.
    async fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush().await,
            Self::Memory(_) => Ok(()),
        }
    }

    async fn restart(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => {
                file.set_len(0).await?;
                file.rewind().await.map(drop)
            }
            Self::Memory(memory) => {
                memory.clear();
                Ok(())
            }
        }
    }
}

/// The progress of a download.
struct ObjectDownload<'a> {
    at: &'a StoreUri,
    max_bytes: u64,
    target: &'a mut DownloadTarget,
    /// The object of the first answer: later answers must be of the same one.
    first: Option<ObjectMetadata>,
    /// Bytes in the target.
    done: u64,
    /// The checks of the bytes in the target.
    check: BodyCheck,
}

/// The end of a body's stream.
enum StreamEnd {
    Whole,
    /// It broke, for this reason.
    Broken(String),
}

impl S3Store {
    /// Copies an object to `target`. A stream that breaks or stalls is resumed where it broke, if the
    /// object is still the same one, after a growing wait, as often as a request may be attempted. A body of another
    /// length than `pin` has, or of another MD5 than a plain ETag, is fetched again from its begin.
    pub(super) async fn download(
        &self,
        at: &StoreUri,
        pin: &ObjectVersion,
        max_bytes: u64,
        target: &mut DownloadTarget,
    ) -> Result<ObjectMetadata> {
        let promised = pin.bytes;
        let mut download = ObjectDownload {
            at,
            max_bytes,
            target,
            first: None,
            done: 0,
            check: BodyCheck::default(),
        };
        let mut pin = pin.clone();
        for attempt in 1.. {
            let answer = self.get(at, &pin, download.done).await?;
            let md5 = self.md5_of(at, &answer);
            let found = download.begin(&answer, pin.bytes).await?;
            check_version(at, &pin, &found)?;
            let end = match pin.bytes {
                Some(bytes) if bytes != found.bytes => StreamEnd::Broken(format!(
                    "it gives {} bytes of an object of {bytes}",
                    found.bytes
                )),
                _ => self.stream(&mut download, answer, found.bytes).await?,
            };
            pin = ObjectVersion {
                bytes: promised.or(Some(found.bytes)),
                ..found.pin()
            };
            let end = match end {
                StreamEnd::Whole => match download.fault(md5, &found) {
                    None => return Ok(found),
                    Some(why) => {
                        download.restart().await?;
                        download.first = None;
                        pin.bytes = promised;
                        StreamEnd::Broken(why)
                    }
                },
                broken => broken,
            };
            match end {
                StreamEnd::Broken(why) if attempt >= self.attempts => {
                    return Err(StoreError::new(at, ErrorCause::Unavailable(why)));
                }
                _ => time::sleep(backoff(attempt)).await,
            }
        }
        unreachable!("attempts end")
    }

    /// The MD5 of the whole object, if the answer tells it.
    fn md5_of(&self, at: &StoreUri, answer: &GetObjectOutput) -> Option<Md5Sum> {
        let is_opaque = self.etags_are_opaque.load(Ordering::Relaxed)
            || answer.sse_customer_algorithm.is_some()
            || matches!(at, StoreUri::S3 { bucket, .. } if bucket.ends_with(DIRECTORY_BUCKET));
        let etag = answer.e_tag().filter(|_| !is_opaque)?;
        md5_in(etag, answer.server_side_encryption())
    }

    async fn get(&self, at: &StoreUri, pin: &ObjectVersion, from: u64) -> Result<GetObjectOutput> {
        let range = (from > 0).then(|| format!("bytes={from}-"));
        self.get_range(object(at)?, pin, range)
            .await
            .map_err(errors::at(at))
    }

    /// The object, or a range of it as the header names it.
    pub(super) async fn get_range(
        &self,
        (bucket, key): (&str, &str),
        pin: &ObjectVersion,
        range: Option<String>,
    ) -> Result<GetObjectOutput, SdkError<GetObjectError, HttpResponse>> {
        self.client
            .get_object()
            .bucket(bucket)
            .key(key)
            .set_version_id(pin.version_id.clone())
            .set_if_match(pin.etag.clone())
            .set_range(range)
            .send()
            .await
    }

    async fn stream(
        &self,
        download: &mut ObjectDownload<'_>,
        mut answer: GetObjectOutput,
        bytes: u64,
    ) -> Result<StreamEnd> {
        let at = download.at;
        loop {
            let next = match time::timeout(self.timeout, answer.body.next()).await {
                Err(_) => return Ok(StreamEnd::Broken("the stream stalled".to_owned())),
                Ok(Some(Err(error))) => return Ok(StreamEnd::Broken(errors::innermost(&error))),
                Ok(Some(Ok(next))) => next,
                Ok(None) => break,
            };
            download.take(&next).await?;
        }
        download
            .target
            .flush()
            .await
            .map_err(StoreError::local(at))?;
        Ok(if download.done == bytes {
            StreamEnd::Whole
        } else {
            StreamEnd::Broken(format!("{} of {bytes} bytes came", download.done))
        })
    }
}

impl ObjectDownload<'_> {
    /// Checks the head of an answer: it must be of the same object, and its body begins at the next byte or at the first.
    async fn begin(
        &mut self,
        answer: &GetObjectOutput,
        promised: Option<u64>,
    ) -> Result<ObjectMetadata> {
        let at = self.at;
        let unusable = |why: &str| StoreError::new(at, ErrorCause::Unavailable(why.to_owned()));
        // `bytes 100-199/200` if a part was asked for and given; the whole object otherwise.
        let from = answer
            .content_range()
            .and_then(|range| {
                range
                    .strip_prefix("bytes ")?
                    .split_once('-')?
                    .0
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        if from != self.done {
            if from != 0 {
                return Err(unusable("it gave another part than the one asked for"));
            }
            self.restart().await?;
        }
        let bytes = whole_bytes(answer)
            .or(promised)
            .ok_or_else(|| unusable("it does not say how large the object is"))?;
        let found = ObjectMetadata {
            bytes,
            version_id: answer.version_id.clone(),
            etag: answer.e_tag.clone(),
        };
        if self
            .first
            .as_ref()
            .is_some_and(|first| is_other(first, &found))
        {
            return Err(StoreError::new(self.at, ErrorCause::SourceChanged));
        }
        if found.bytes > self.max_bytes {
            return Err(self.too_large());
        }
        Ok(self.first.insert(found).clone())
    }

    /// Throws away what has come.
    async fn restart(&mut self) -> Result<()> {
        self.target
            .restart()
            .await
            .map_err(StoreError::local(self.at))?;
        self.done = 0;
        self.check = BodyCheck::default();
        Ok(())
    }

    /// The reason why a body that came whole is not the object.
    fn fault(&self, md5: Option<Md5Sum>, found: &ObjectMetadata) -> Option<String> {
        if md5.is_some_and(|md5| md5 != self.check.sum()) {
            return Some(
                "what came has another MD5 than its ETag; is a proxy before the store?".to_owned(),
            );
        }
        let is_error = found.etag.is_none() && self.check.is_error_document();
        is_error.then(|| "HTTP 200 and an error in the place of the object".to_owned())
    }

    async fn take(&mut self, bytes: &[u8]) -> Result<()> {
        let done = self.done.saturating_add(bytes.len() as u64);
        if done > self.max_bytes {
            return Err(self.too_large());
        }
        self.target
            .write(bytes)
            .await
            .map_err(StoreError::local(self.at))?;
        self.check.take(bytes);
        self.done = done;
        Ok(())
    }

    fn too_large(&self) -> StoreError {
        let max_bytes = self.max_bytes;
        StoreError::new(self.at, ErrorCause::TooLarge { max_bytes })
    }
}

/// Returns true if two answers are of two objects. Of the same ETag only the length may differ, by a proxy's fault.
fn is_other(first: &ObjectMetadata, found: &ObjectMetadata) -> bool {
    let without_etag = first.etag.is_none() && first.bytes != found.bytes;
    first.etag != found.etag || first.version_id != found.version_id || without_etag
}
