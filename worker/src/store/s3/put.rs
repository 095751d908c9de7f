//! PUT, in parts if the object is large.

use std::{error::Error, path::Path, sync::atomic::Ordering, time::Duration};

use aws_sdk_s3::{
    Client,
    config::{self, http::HttpResponse, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
    operation::put_object::PutObjectOutput,
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use tokio::{fs::File, io::AsyncReadExt as _, runtime::Handle, time};

use super::super::{
    ErrorCause, ObjectStore, ObjectVersion, PutOutcome, Result, StoreError, StoreUri,
    WriteCondition, backoff,
};
use super::{S3Store, errors, object};

/// Size of a part, and the maximum that is sent in one piece. One part is in memory at a time.
const PART_BYTES: u64 = 16 << 20;

/// Maximum number of parts that S3 takes.
const MAX_PARTS: u64 = 10_000;

/// The slowest upload that is waited for, in bytes a second: the deadline of a part follows from it.
const MIN_UPLOAD_RATE: u64 = 64 << 10;

/// An object that is to be written.
#[derive(Clone, Copy)]
pub(super) struct PutRequest<'a> {
    pub(super) at: &'a StoreUri,
    pub(super) content_type: &'a str,
    pub(super) if_absent: bool,
}

/// The reason why an object was not written.
pub(super) enum PutRejection {
    /// An object exists.
    Exists,
    /// Another writer is writing it; the next attempt sees the outcome.
    Conflict,
    /// The store says that it does not know the condition.
    NotImplemented(StoreError),
    /// The store does not know the condition, or the request is wrong in itself.
    Unknown(StoreError),
    /// The body did not arrive as it was sent.
    Garbled(StoreError),
    /// For another reason.
    Failed(StoreError),
}

impl PutRejection {
    /// The error of a write that is not repeated.
    pub(super) fn into_error(self, at: &StoreUri) -> StoreError {
        match self {
            Self::NotImplemented(error)
            | Self::Unknown(error)
            | Self::Garbled(error)
            | Self::Failed(error) => error,
            Self::Exists | Self::Conflict => conflict(at),
        }
    }
}

impl From<StoreError> for PutRejection {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl S3Store {
    /// Writes an object, whole or not at all.
    pub(super) async fn upload(
        &self,
        at: &StoreUri,
        body: &Path,
        content_type: &str,
        condition: WriteCondition,
    ) -> Result<PutOutcome> {
        let upload = PutRequest {
            at,
            content_type,
            if_absent: condition == WriteCondition::IfAbsent,
        };
        if upload.if_absent && self.unconditional.load(Ordering::Relaxed) {
            return self.look_and_write(upload, body).await;
        }
        let mut last = None;
        for attempt in 1..=self.attempts {
            match self.write(upload, body).await {
                Ok(etag) => return Ok(PutOutcome::Written { etag }),
                Err(PutRejection::Exists) => return Ok(PutOutcome::AlreadyExists),
                Err(PutRejection::Failed(error)) => return Err(error),
                Err(PutRejection::NotImplemented(_)) => {
                    self.learn_conditions(false);
                    return self.look_and_write(upload, body).await;
                }
                Err(PutRejection::Unknown(error)) => {
                    last = self.settle_conditions(at, error).await?;
                    if last.is_none() {
                        return self.look_and_write(upload, body).await;
                    }
                }
                Err(PutRejection::Garbled(error)) => last = Some(error),
                Err(PutRejection::Conflict) => last = Some(conflict(at)),
            }
            time::sleep(backoff(attempt)).await;
        }
        Err(last.unwrap_or_else(|| conflict(at)))
    }

    /// Writes to a store without conditional writes: a moment stays in which another writer may come.
    async fn look_and_write(&self, upload: PutRequest<'_>, body: &Path) -> Result<PutOutcome> {
        match self.stat(upload.at, &ObjectVersion::default()).await {
            Ok(_) => return Ok(PutOutcome::AlreadyExists),
            Err(error) if matches!(error.cause, ErrorCause::NoSuchObject) => {}
            Err(error) => return Err(error),
        }
        let always = PutRequest {
            if_absent: false,
            ..upload
        };
        match self.write(always, body).await {
            Ok(etag) => Ok(PutOutcome::Written { etag }),
            Err(rejection) => Err(rejection.into_error(upload.at)),
        }
    }

    async fn write(
        &self,
        upload: PutRequest<'_>,
        body: &Path,
    ) -> Result<Option<String>, PutRejection> {
        let (mut file, bytes) = open(body).await.map_err(StoreError::local(upload.at))?;
        if bytes > PART_BYTES {
            return self.put_in_parts(upload, file, bytes).await;
        }
        let whole = next_part(&mut file, PART_BYTES)
            .await
            .map_err(StoreError::local(upload.at))?;
        Ok(self.put_whole(upload, whole).await?.e_tag)
    }

    /// Writes an object in one request.
    pub(super) async fn put_whole(
        &self,
        upload: PutRequest<'_>,
        bytes: Vec<u8>,
    ) -> Result<PutObjectOutput, PutRejection> {
        let (bucket, key) = object(upload.at)?;
        let deadline = self.deadline(bytes.len() as u64);
        let put = self
            .client
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type(upload.content_type)
            .set_server_side_encryption(self.encryption.method.clone())
            .set_ssekms_key_id(self.encryption.kms_key_id.clone())
            .set_if_none_match(upload.if_absent.then(|| "*".to_owned()))
            .body(ByteStream::from(bytes));
        let sent = put.customize().config_override(deadline).send().await;
        sent.map_err(|error| refused(upload, error))
    }

    async fn put_in_parts(
        &self,
        upload: PutRequest<'_>,
        mut file: File,
        bytes: u64,
    ) -> Result<Option<String>, PutRejection> {
        let (bucket, key) = object(upload.at)?;
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(bucket)
            .key(key)
            .content_type(upload.content_type)
            .set_server_side_encryption(self.encryption.method.clone())
            .set_ssekms_key_id(self.encryption.kms_key_id.clone())
            .send()
            .await
            .map_err(errors::at(upload.at))?;
        let mut parts = MultipartUpload {
            client: &self.client,
            bucket,
            key,
            id: begun.upload_id.unwrap_or_default(),
            ended: false,
        };
        let written = self
            .send_parts(upload, &parts, &mut file, bytes)
            .await
            .map_err(PutRejection::from);
        let ended = match written {
            // Some stores that know conditions pass over them here (Ceph RGW 16).
            Ok(_) if upload.if_absent && self.is_there(upload.at).await => {
                Err(PutRejection::Exists)
            }
            Ok(sent) => self.complete(upload, &parts, sent, bytes).await,
            Err(error) => Err(error),
        };
        if ended.is_err() {
            parts.abort().await;
        }
        parts.ended = true;
        ended
    }

    /// Returns true if an object is there for sure.
    async fn is_there(&self, at: &StoreUri) -> bool {
        self.stat(at, &ObjectVersion::default()).await.is_ok()
    }

    async fn send_parts(
        &self,
        upload: PutRequest<'_>,
        parts: &MultipartUpload<'_>,
        file: &mut File,
        bytes: u64,
    ) -> Result<Vec<CompletedPart>> {
        let part_bytes = PART_BYTES.max(bytes.div_ceil(MAX_PARTS));
        let mut sent = Vec::new();
        for number in 1.. {
            let part = next_part(file, part_bytes)
                .await
                .map_err(StoreError::local(upload.at))?;
            if part.is_empty() {
                break;
            }
            let deadline = self.deadline(part.len() as u64);
            let put = self
                .client
                .upload_part()
                .bucket(parts.bucket)
                .key(parts.key)
                .upload_id(&parts.id)
                .part_number(number)
                .body(ByteStream::from(part));
            let answer = put.customize().config_override(deadline).send().await;
            let etag = answer.map_err(errors::at(upload.at))?.e_tag;
            let part = CompletedPart::builder().part_number(number);
            sent.push(part.set_e_tag(etag).build());
        }
        Ok(sent)
    }

    async fn complete(
        &self,
        upload: PutRequest<'_>,
        parts: &MultipartUpload<'_>,
        sent: Vec<CompletedPart>,
        bytes: u64,
    ) -> Result<Option<String>, PutRejection> {
        let sent = CompletedMultipartUpload::builder().set_parts(Some(sent));
        let complete = self
            .client
            .complete_multipart_upload()
            .bucket(parts.bucket)
            .key(parts.key)
            .upload_id(&parts.id)
            .set_if_none_match(upload.if_absent.then(|| "*".to_owned()))
            .multipart_upload(sent.build())
            .customize()
            // The store joins the parts before it answers.
            .config_override(self.deadline(bytes));
        let answer = complete.send().await;
        Ok(answer.map_err(|error| refused(upload, error))?.e_tag)
    }

    /// Timeouts for a request that carries `bytes`: it is answered when they have arrived, so they get extra time.
    fn deadline(&self, bytes: u64) -> config::Builder {
        let sending = Duration::from_secs(bytes / MIN_UPLOAD_RATE);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(self.timeout)
            .read_timeout(self.timeout.saturating_add(sending))
            .operation_attempt_timeout(self.timeout.saturating_mul(2).saturating_add(sending));
        config::Builder::new().timeout_config(timeouts.build())
    }
}

fn conflict(at: &StoreUri) -> StoreError {
    let why = "another writer is writing the same object".to_owned();
    StoreError::new(at, ErrorCause::Unavailable(why))
}

fn refused<E>(upload: PutRequest<'_>, error: SdkError<E, HttpResponse>) -> PutRejection
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let status = errors::status(&error);
    let has_code = error.code().is_some();
    let error = errors::at(upload.at)(error);
    match (status, &error.cause) {
        (Some(412), _) if upload.if_absent => PutRejection::Exists,
        (Some(409), _) => PutRejection::Conflict,
        (Some(501), _) if upload.if_absent => PutRejection::NotImplemented(error),
        (Some(400), ErrorCause::BadRequest(_)) if upload.if_absent => PutRejection::Unknown(error),
        (Some(400), ErrorCause::Unavailable(_)) if has_code => PutRejection::Garbled(error),
        (Some(400), ErrorCause::Unavailable(_)) if upload.if_absent => PutRejection::Unknown(error),
        _ => PutRejection::Failed(error),
    }
}

async fn open(path: &Path) -> std::io::Result<(File, u64)> {
    let file = File::open(path).await?;
    let bytes = file.metadata().await?.len();
    Ok((file, bytes))
}

async fn next_part(file: &mut File, max_bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut part = Vec::new();
    file.take(max_bytes).read_to_end(&mut part).await?;
    Ok(part)
}

/// Parts that the store keeps, and charges for, until they are joined or aborted.
struct MultipartUpload<'a> {
    client: &'a Client,
    bucket: &'a str,
    key: &'a str,
    id: String,
    ended: bool,
}

impl MultipartUpload<'_> {
    /// Aborts the upload. If that fails too, the bucket's own rules have to remove the parts.
    fn abort(&self) -> impl Future<Output = ()> + Send + use<> {
        let abort = self
            .client
            .abort_multipart_upload()
            .bucket(self.bucket)
            .key(self.key)
            .upload_id(&self.id);
        async move {
            if let Err(error) = abort.send().await {
                tracing::debug!(error = %errors::innermost(&error), "parts of an upload are left");
            }
        }
    }
}

impl Drop for MultipartUpload<'_> {
    /// The call was dropped in the middle.
    fn drop(&mut self) {
        if !self.ended
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(self.abort());
        }
    }
}
