//! Errors of S3 calls, sorted by HTTP status and S3's error codes, never by their texts.

use std::{error::Error, fmt::Display};

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use super::super::{ErrorCause, StoreError};

/// For `map_err`: the error of a failed call.
pub(super) fn at<E>(at: &impl Display) -> impl FnOnce(SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    move |error| StoreError::new(at, cause(&error))
}

/// Status and code of an error answer; `None` if there was no answer.
pub(super) fn answer<E: ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
) -> Option<(u16, &str)> {
    let SdkError::ServiceError(answer) = error else {
        return None;
    };
    let code = answer.err().code().unwrap_or_default();
    Some((answer.raw().status().as_u16(), code))
}

fn cause<E>(error: &SdkError<E, HttpResponse>) -> ErrorCause
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some((status, code)) = answer(error) {
        let message = match error {
            SdkError::ServiceError(answer) => answer.err().message().unwrap_or_default(),
            _ => "",
        };
        return answer_cause(status, code, message);
    }
    match error {
        SdkError::TimeoutError(_) => {
            ErrorCause::Unavailable("no answer in time (--s3-timeout)".to_owned())
        }
        SdkError::ConstructionFailure(_) => ErrorCause::BadRequest(innermost(error)),
        _ => ErrorCause::Unavailable(innermost(error)),
    }
}

/// The cause that an error answer tells of. `code` is empty if there is no body, as for HEAD.
pub(super) fn answer_cause(status: u16, code: &str, message: &str) -> ErrorCause {
    let text = || match (code, message) {
        ("", _) => format!("HTTP {status}"),
        (code, "") => format!("HTTP {status} {code}"),
        (code, message) => format!("HTTP {status} {code}: {message}"),
    };
    let named = || match code {
        "" => format!("HTTP {status}"),
        code => code.to_owned(),
    };
    match (status, code) {
        (_, "NoSuchBucket") => ErrorCause::NoSuchBucket,
        (_, "NoSuchKey" | "NoSuchVersion" | "NotFound") => ErrorCause::NoSuchObject,
        // No store gives such a version, so no object has it.
        (400, "InvalidVersionId") => ErrorCause::NoSuchObject,
        // The object is deleted: its current version is a delete marker.
        (405, "MethodNotAllowed" | "") => ErrorCause::NoSuchObject,
        (
            _,
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "RequestTimeTooSkewed"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "AuthorizationHeaderMalformed",
        ) => ErrorCause::BadCredentials { code: named() },
        (
            _,
            "SlowDown" | "RequestTimeout" | "Throttling" | "ThrottlingException" | "InternalError",
        ) => ErrorCause::Unavailable(text()),
        // The answer to its completion was lost, or someone has cleaned up: a new upload helps.
        (_, "NoSuchUpload") => ErrorCause::Unavailable(text()),
        (501, _) => ErrorCause::BadRequest(text()),
        (404, _) => ErrorCause::NoSuchObject,
        (401 | 403, _) => ErrorCause::Denied { code: named() },
        (412, _) => ErrorCause::SourceChanged,
        (408 | 429 | 500..=599, _) => ErrorCause::Unavailable(text()),
        _ => ErrorCause::BadRequest(text()),
    }
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

    #[test]
    fn answers_are_sorted_by_status_and_code() {
        for (status, code, kind, transient) in [
            (404, "NoSuchKey", "no-such-object", false),
            (404, "", "no-such-object", false),
            (404, "NoSuchVersion", "no-such-object", false),
            (404, "NoSuchBucket", "no-such-bucket", false),
            (400, "InvalidVersionId", "no-such-object", false),
            (412, "PreconditionFailed", "source-changed", false),
            (403, "AccessDenied", "access-denied", false),
            (403, "", "access-denied", false),
            (403, "InvalidAccessKeyId", "access-denied", true),
            (403, "SignatureDoesNotMatch", "access-denied", true),
            (400, "ExpiredToken", "access-denied", true),
            (503, "SlowDown", "store-unavailable", true),
            (429, "", "store-unavailable", true),
            (500, "InternalError", "store-unavailable", true),
            (200, "InternalError", "store-unavailable", true),
            (502, "", "store-unavailable", true),
            (404, "NoSuchUpload", "store-unavailable", true),
            (501, "NotImplemented", "bad-request", false),
            (400, "RequestTimeout", "store-unavailable", true),
            (400, "InvalidArgument", "bad-request", false),
            (301, "PermanentRedirect", "bad-request", false),
        ] {
            let cause = answer_cause(status, code, "");
            assert_eq!(
                (cause.kind().as_str(), cause.is_transient()),
                (kind, transient),
                "{status} {code}"
            );
        }
    }
}
