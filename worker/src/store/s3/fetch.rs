//! GET to a file or to memory, resumed where the stream broke.

use std::{io, path::Path};

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
use super::{S3Store, check_version, errors, object};

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
}

/// The end of a body's stream.
enum StreamEnd {
    Whole,
    /// It broke, for this reason.
    Broken(String),
}

impl S3Store {
    /// Copies an object to `target`. A stream that breaks or stalls is resumed where it broke, if the
    /// object is still the same one, after a growing wait, as often as a request may be attempted.
    pub(super) async fn download(
        &self,
        at: &StoreUri,
        pin: &ObjectVersion,
        max_bytes: u64,
        target: &mut DownloadTarget,
    ) -> Result<ObjectMetadata> {
        let mut download = ObjectDownload {
            at,
            max_bytes,
            target,
            first: None,
            done: 0,
        };
        let mut pin = pin.clone();
        for attempt in 1.. {
            let answer = self.get(at, &pin, download.done).await?;
            let found = download.begin(&answer).await?;
            check_version(at, &pin, &found)?;
            pin = found.pin();
            match self.stream(&mut download, answer, found.bytes).await? {
                StreamEnd::Whole => return Ok(found),
                StreamEnd::Broken(why) if attempt >= self.attempts => {
                    return Err(StoreError::new(at, ErrorCause::Unavailable(why)));
                }
                StreamEnd::Broken(_) => time::sleep(backoff(attempt)).await,
            }
        }
        unreachable!("attempts end")
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
    async fn begin(&mut self, answer: &GetObjectOutput) -> Result<ObjectMetadata> {
        let length = u64::try_from(answer.content_length().unwrap_or(0)).unwrap_or(0);
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
                let why = "it gave another part than the one asked for".to_owned();
                return Err(StoreError::new(self.at, ErrorCause::Unavailable(why)));
            }
            self.target
                .restart()
                .await
                .map_err(StoreError::local(self.at))?;
            self.done = 0;
        }
        let found = ObjectMetadata {
            bytes: from.saturating_add(length),
            version_id: answer.version_id.clone(),
            etag: answer.e_tag.clone(),
        };
        if self.first.as_ref().is_some_and(|first| *first != found) {
            return Err(StoreError::new(self.at, ErrorCause::SourceChanged));
        }
        if found.bytes > self.max_bytes {
            return Err(self.too_large());
        }
        Ok(self.first.insert(found).clone())
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
        self.done = done;
        Ok(())
    }

    fn too_large(&self) -> StoreError {
        let max_bytes = self.max_bytes;
        StoreError::new(self.at, ErrorCause::TooLarge { max_bytes })
    }
}
