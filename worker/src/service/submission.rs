//! Requests that bring a document: its bytes, a form with it, or JSON with its URI.

use axum::{
    body::to_bytes,
    extract::{FromRequest as _, Multipart, Query, Request, multipart::Field},
    http::{StatusCode, header},
};
use recto_schemas::{Options, service::DocumentRequest};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::{
    MAX_BODY_BYTES, Shared,
    keys::Caller,
    problem::Problem,
    upload::{STALL_TIMEOUT, SpooledDocument},
};
use crate::store::StoreUri;

/// The whole numbers that a float holds are below this one: 2^53.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Members of the query of an upload.
#[derive(Debug, Default, Deserialize)]
struct UploadQuery {
    /// The document's name.
    name: Option<String>,
    batch: Option<String>,
    /// Options as JSON.
    options: Option<String>,
}

/// A document that is to be read.
pub(super) struct Submission {
    pub(super) source: SubmittedSource,
    pub(super) batch: Option<String>,
    pub(super) options: Option<Options>,
    pub(super) password: Option<String>,
}

pub(super) enum SubmittedSource {
    Upload(SpooledDocument),
    Uri(StoreUri),
}

/// Reads the request.
pub(super) async fn submission(
    service: &Shared,
    caller: &Caller,
    request: Request,
) -> Result<Submission, Problem> {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .map(|text| text.trim().to_ascii_lowercase())
        .unwrap_or_default();
    match content_type.as_str() {
        "application/json" => by_uri(service, request).await,
        "multipart/form-data" => by_form(service, caller, request).await,
        "application/x-www-form-urlencoded" => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the document itself, a form (multipart/form-data) with it, or JSON with its URI; \
             curl sends a file with --data-binary @FILE -H 'Content-Type: application/pdf', or with -F file=@FILE",
        )),
        "" => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "say with Content-Type what the body is, such as application/pdf",
        )),
        _ => by_bytes(service, caller, request).await,
    }
}

async fn by_uri(service: &Shared, request: Request) -> Result<Submission, Problem> {
    let body = to_bytes(request.into_body(), MAX_BODY_BYTES);
    let body = timely(body).await?.map_err(|_| {
        let detail = format!("a request that is no document has at most {MAX_BODY_BYTES} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    })?;
    let asked: DocumentRequest = object(&body)?;
    let refused = |reason: &str| {
        let detail = format!(
            "`uri`: {reason}not below a prefix that this service reads documents from (--allow-source)"
        );
        Problem::new(StatusCode::FORBIDDEN, detail)
    };
    let uri: StoreUri = asked
        .uri
        .parse()
        .map_err(|error| refused(&format!("{error}; ")))?;
    if !service.bounds.names_source(&uri) {
        return Err(refused(""));
    }
    Ok(Submission {
        source: SubmittedSource::Uri(uri),
        batch: asked.batch,
        options: asked.options,
        password: asked.password,
    })
}

async fn by_bytes(
    service: &Shared,
    caller: &Caller,
    request: Request,
) -> Result<Submission, Problem> {
    let Query(query) = Query::<UploadQuery>::try_from_uri(request.uri())
        .map_err(|error| Problem::bad_request(error.body_text()))?;
    let given = query.options.as_deref().filter(|text| !text.is_empty());
    let options = given.map(options).transpose()?;
    let body = request.into_body().into_data_stream();
    let max_bytes = caller.document_limit(service.limits.max_document_size.bytes());
    let name = query.name.as_deref();
    let upload = SpooledDocument::take(body, name, max_bytes, service.scratch.path()).await?;
    Ok(Submission {
        source: SubmittedSource::Upload(upload),
        batch: query.batch,
        options,
        password: None,
    })
}

pub(super) async fn by_form(
    service: &Shared,
    caller: &Caller,
    request: Request,
) -> Result<Submission, Problem> {
    let wrong = |error: axum::extract::multipart::MultipartError| {
        Problem::new(
            error.status(),
            format!("the form cannot be read: {}", error.body_text()),
        )
    };
    let max_bytes = caller.document_limit(service.limits.max_document_size.bytes());
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|error| Problem::bad_request(error.body_text()))?;
    let (mut upload, mut batch, mut given, mut password) = (None, None, None, None);
    while let Some(field) = timely(form.next_field()).await?.map_err(wrong)? {
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" if upload.is_none() => {
                let file_name = field.file_name().map(str::to_owned);
                let name = file_name.as_deref();
                let taken =
                    SpooledDocument::take(field, name, max_bytes, service.scratch.path()).await?;
                upload = Some(taken);
            }
            "file" => {
                return Err(Problem::bad_request(
                    "one `file` a request; send another for each document",
                ));
            }
            "batch" => batch = Some(text(field).await?).filter(|text| !text.is_empty()),
            "options" => {
                let text = text(field).await?;
                given = (!text.is_empty()).then(|| options(&text)).transpose()?;
            }
            "password" => password = Some(text(field).await?).filter(|text| !text.is_empty()),
            other => {
                let detail = format!(
                    "the form has a field {other:?}; there are file, batch, options and password"
                );
                return Err(Problem::bad_request(detail));
            }
        }
    }
    let upload = upload.ok_or_else(|| Problem::bad_request("the form has no field `file`"))?;
    Ok(Submission {
        source: SubmittedSource::Upload(upload),
        batch,
        options: given,
        password,
    })
}

/// Waits for the next part of a request.
async fn timely<T>(part: impl Future<Output = T>) -> Result<T, Problem> {
    timeout(STALL_TIMEOUT, part).await.map_err(|_| {
        Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "nothing more of the request has come for 30 seconds",
        )
    })
}

/// A field of a form that is no file.
async fn text(mut field: Field<'_>) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    loop {
        let part = timely(field.chunk()).await?;
        let part = part.map_err(|error| Problem::bad_request(error.body_text()))?;
        let Some(part) = part else { break };
        bytes.extend_from_slice(&part);
        if bytes.len() > MAX_BODY_BYTES {
            let detail = format!("a field that is no file has at most {MAX_BODY_BYTES} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
    }
    String::from_utf8(bytes).map_err(|_| Problem::bad_request("a field of the form is no UTF-8"))
}

fn options(text: &str) -> Result<Options, Problem> {
    object(text.as_bytes()).map_err(|problem| Problem {
        detail: format!("`options`: {}", problem.detail),
        ..problem
    })
}

/// Reads an object of JSON.
pub(super) fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // A structure would be read from an array too.
    serde_json::from_slice::<Map<String, Value>>(body)
        .and_then(|members| serde_json::from_value(whole_numbers(Value::Object(members))))
        .map_err(|error| Problem::bad_request(error.to_string()))
}

/// The same with `3.0` as `3`, which is a whole number to JSON Schema (draft 2020-12, 4.2.3) and to languages without others.
fn whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < MAX_WHOLE => {
                Value::from(float as i64)
            }
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(whole_numbers).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| (name, whole_numbers(member)))
            .collect(),
        other => other,
    }
}
