//! Errors of S3 calls, sorted by HTTP status and S3's error codes, never by their texts.

use std::{error::Error, fmt::Display};

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use super::super::{ErrorCause, StoreError};

/// Longest name of a region that is repeated in a message. AWS's have some 15 bytes.
const MAX_REGION_BYTES: usize = 40;

/// For `map_err`: the error of a failed call.
pub(super) fn at<E>(at: &impl Display) -> impl FnOnce(SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    move |error| StoreError::new(at, cause(&error))
}

/// Status of an answer that is an error; `None` if there was no answer.
pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|raw| raw.status().as_u16())
}

fn cause<E>(error: &SdkError<E, HttpResponse>) -> ErrorCause
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(answer) => ErrorAnswer::new(answer.err(), answer.raw()).cause(),
        SdkError::TimeoutError(_) => {
            ErrorCause::Unavailable("no answer in time (--s3-timeout)".to_owned())
        }
        SdkError::ConstructionFailure(_) => ErrorCause::BadRequest(innermost(error)),
        _ => ErrorCause::Unavailable(innermost(error)),
    }
}

/// An error answer. Its body is S3's only if it has a code: a gateway's has none, and HEAD's has no body at all.
#[derive(Clone, Copy, Debug, Default)]
struct ErrorAnswer<'a> {
    status: u16,
    /// S3's code; empty if the body is not S3's.
    code: &'a str,
    message: &'a str,
    /// The bucket's region, where the answer names it.
    region: Option<&'a str>,
    /// The current version is a delete marker.
    deleted: bool,
}

impl<'a> ErrorAnswer<'a> {
    fn new<E: ProvideErrorMetadata>(error: &'a E, raw: &'a HttpResponse) -> Self {
        let body = raw.body().bytes().unwrap_or_default();
        // The client makes up a code for a 404 without a body.
        let code = error.code().filter(|_| !body.is_empty());
        let region = raw.headers().get("x-amz-bucket-region");
        Self {
            status: raw.status().as_u16(),
            code: code.unwrap_or_default(),
            message: error.message().unwrap_or_default(),
            region: region
                .or_else(|| region_in(body))
                .filter(|region| is_region(region)),
            deleted: raw.headers().get("x-amz-delete-marker") == Some("true"),
        }
    }

    fn cause(&self) -> ErrorCause {
        match (self.status, self.code) {
            // It went wrong after the status was sent, or what came cannot be read.
            (200..=299, _) => ErrorCause::Unavailable(self.text()),
            (_, "NoSuchBucket") => ErrorCause::NoSuchBucket,
            (_, "NoSuchKey" | "NoSuchVersion" | "NotFound") => ErrorCause::NoSuchObject,
            // No store gives such a version, so no object has it.
            (400, "InvalidVersionId") => ErrorCause::NoSuchObject,
            (404 | 405, _) if self.deleted => ErrorCause::NoSuchObject,
            // The version that is asked for is a delete marker.
            (405, "MethodNotAllowed") => ErrorCause::NoSuchObject,
            (301 | 302 | 307 | 308 | 400, _) if self.region.is_some() => self.elsewhere(),
            (
                _,
                "PermanentRedirect"
                | "IllegalLocationConstraint"
                | "IllegalLocationConstraintException",
            ) => self.elsewhere(),
            (
                _,
                "InvalidAccessKeyId"
                | "SignatureDoesNotMatch"
                | "ExpiredToken"
                | "ExpiredTokenException"
                | "InvalidToken"
                | "InvalidSecurity"
                | "TokenRefreshRequired"
                | "RequestExpired"
                | "RequestTimeTooSkewed"
                | "InvalidClientTokenId"
                | "UnrecognizedClientException"
                | "AuthorizationHeaderMalformed",
            ) => ErrorCause::BadCredentials {
                code: self.code.to_owned(),
            },
            (
                _,
                "SlowDown"
                | "Throttling"
                | "ThrottlingException"
                | "InternalError"
                | "OperationAborted"
                | "TemporaryRedirect",
            ) => ErrorCause::Unavailable(self.text()),
            // The body did not arrive as it was sent.
            (
                _,
                "RequestTimeout"
                | "IncompleteBody"
                | "BadDigest"
                | "InvalidDigest"
                | "EntityTooSmall"
                | "MissingContentLength"
                | "XAmzContentSHA256Mismatch"
                | "XAmzContentChecksumMismatch",
            ) => ErrorCause::Unavailable(self.text()),
            // The answer to its completion was lost, or someone has cleaned up: a new upload helps.
            (_, "NoSuchUpload") => ErrorCause::Unavailable(self.text()),
            // The object is in an archive class: it is there, and has to be restored first.
            (_, "InvalidObjectState") => ErrorCause::BadRequest(self.text()),
            (_, code) if code.starts_with("KMS.") => ErrorCause::Denied {
                code: code.to_owned(),
            },
            (401 | 403, "") => ErrorCause::Denied {
                code: format!("HTTP {}", self.status),
            },
            (401 | 403, code) => ErrorCause::Denied {
                code: code.to_owned(),
            },
            (412, _) => ErrorCause::SourceChanged,
            (408 | 429 | 500 | 502..=599, _) => ErrorCause::Unavailable(self.text()),
            (status, "") => ErrorCause::Unavailable(format!(
                "the answer is not S3's: HTTP {status}; is a gateway before the store?"
            )),
            _ => ErrorCause::BadRequest(self.text()),
        }
    }

    fn elsewhere(&self) -> ErrorCause {
        ErrorCause::NotConfigured(match self.region {
            Some(region) => format!(
                "the bucket is in the region {region} ({}); set --s3-region {region}",
                self.name()
            ),
            None => format!(
                "the bucket is elsewhere ({}); check --s3-endpoint and --s3-region",
                self.text()
            ),
        })
    }

    fn name(&self) -> String {
        match self.code {
            "" => format!("HTTP {}", self.status),
            code => code.to_owned(),
        }
    }

    fn text(&self) -> String {
        match (self.code, self.message) {
            ("", _) if self.status < 300 => {
                format!("HTTP {} and an answer that cannot be read", self.status)
            }
            ("", _) => format!("HTTP {}", self.status),
            (code, "") => format!("HTTP {} {code}", self.status),
            (code, message) => format!("HTTP {} {code}: {message}", self.status),
        }
    }
}

/// The region in the body of `AuthorizationHeaderMalformed`; the client does not give it.
fn region_in(body: &[u8]) -> Option<&str> {
    let body = std::str::from_utf8(body).ok()?;
    let (_, rest) = body.split_once("<Region>")?;
    Some(rest.split_once("</Region>")?.0)
}

fn is_region(text: &str) -> bool {
    let known = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-';
    (1..=MAX_REGION_BYTES).contains(&text.len()) && text.bytes().all(known)
}

/// The innermost source of an error: the layers above it only say that something failed.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(status: u16, code: &str) -> ErrorCause {
        let answer = ErrorAnswer {
            status,
            code,
            ..ErrorAnswer::default()
        };
        answer.cause()
    }

    #[test]
    fn answers_are_sorted_by_status_and_code() {
        for (status, code, kind, transient) in [
            (404, "NoSuchKey", "no-such-object", false),
            (404, "NoSuchVersion", "no-such-object", false),
            (404, "NoSuchBucket", "no-such-bucket", false),
            (405, "MethodNotAllowed", "no-such-object", false),
            (400, "InvalidVersionId", "no-such-object", false),
            (412, "PreconditionFailed", "source-changed", false),
            (403, "AccessDenied", "access-denied", false),
            (403, "", "access-denied", false),
            (400, "KMS.DisabledException", "access-denied", false),
            (403, "InvalidAccessKeyId", "bad-credentials", true),
            (403, "SignatureDoesNotMatch", "bad-credentials", true),
            (400, "ExpiredToken", "bad-credentials", true),
            (400, "AuthorizationHeaderMalformed", "bad-credentials", true),
            (503, "SlowDown", "store-unavailable", true),
            (429, "", "store-unavailable", true),
            (500, "InternalError", "store-unavailable", true),
            (200, "InternalError", "store-unavailable", true),
            (200, "AccessDenied", "store-unavailable", true),
            (200, "", "store-unavailable", true),
            (502, "", "store-unavailable", true),
            (404, "NoSuchUpload", "store-unavailable", true),
            (400, "IncompleteBody", "store-unavailable", true),
            (400, "RequestTimeout", "store-unavailable", true),
            (501, "NotImplemented", "bad-request", false),
            (400, "InvalidArgument", "bad-request", false),
            (403, "InvalidObjectState", "bad-request", false),
            (307, "TemporaryRedirect", "store-unavailable", true),
            (301, "PermanentRedirect", "not-configured", true),
            // None of them is S3's.
            (302, "", "store-unavailable", true),
            (400, "", "store-unavailable", true),
            (404, "", "store-unavailable", true),
            (405, "", "store-unavailable", true),
        ] {
            let cause = sorted(status, code);
            assert_eq!(
                (cause.kind().as_str(), cause.is_transient()),
                (kind, transient),
                "{status} {code}"
            );
        }
    }

    #[test]
    fn a_region_is_named_as_it_stands() {
        let body = b"<Error><Region>eu-west-1</Region></Error>";
        assert_eq!(
            region_in(body).filter(|name| is_region(name)),
            Some("eu-west-1")
        );
        for wrong in ["<Region></Region>", "<Region>a\nb</Region>", "<Region>"] {
            let found = region_in(wrong.as_bytes()).filter(|name| is_region(name));
            assert_eq!(found, None, "{wrong}");
        }
    }
}
