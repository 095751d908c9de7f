//! [`Problem`]: an answer that is no success, as RFC 9457 has it.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use recto_schemas::service::{JobView, ProblemView};

use crate::{ledger::LedgerError, store::StoreError};

/// Seconds after which a client that was too much may ask again.
const RETRY_AFTER_S: u64 = 5;

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// The reason and what to do about it.
    pub(super) detail: String,
    /// The job that it is about.
    pub(super) job: Option<Box<JobView>>,
    pub(super) retry_after_s: Option<u64>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            job: None,
            retry_after_s: None,
        }
    }

    /// A request that makes no sense.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// There is no such thing, or the key may not know of it: nobody can tell which.
    pub(super) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "there is no such thing, or this key may not see it",
        )
    }

    /// The service or something behind it has no room or does not answer now.
    pub(super) fn busy(detail: impl Into<String>) -> Self {
        Self {
            retry_after_s: Some(RETRY_AFTER_S),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
    }

    /// The key has asked too often.
    pub(super) fn too_many(wait_s: u64) -> Self {
        Self {
            retry_after_s: Some(wait_s.max(1)),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "this key has used up its requests; wait as long as Retry-After says",
            )
        }
    }

    /// The same, with the job that it is about.
    pub(super) fn about(self, job: JobView) -> Self {
        Self {
            job: Some(Box::new(job)),
            ..self
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        tracing::warn!(%error, "a request failed");
        Self::busy("the ledger does not answer; ask again later")
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "a request failed");
        Self::busy("the store does not answer as it should; ask again later")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let view = ProblemView {
            status: self.status.as_u16(),
            title: self
                .status
                .canonical_reason()
                .unwrap_or_default()
                .to_owned(),
            detail: self.detail,
            job: self.job,
        };
        let body = serde_json::to_vec(&view).unwrap_or_default();
        let mut answer = (self.status, body).into_response();
        let headers = answer.headers_mut();
        let content_type = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, content_type);
        if let Some(wait) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, wait.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        answer
    }
}
