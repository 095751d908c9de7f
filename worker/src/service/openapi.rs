//! The OpenAPI document of the service (3.1), made from the types that it answers with.

use std::sync::LazyLock;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use recto_schemas::{
    Options,
    service::{
        BatchList, BatchView, DocumentRequest, DocumentView, EventsView, FileList, JobList,
        JobView, ProblemView, RetryRequest, RetryView, WebhookEvent, WebhookList,
    },
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::ledger::record::JobState;

/// Media types of files in a form.
const FILE_TYPES: &str = "application/pdf, image/png, image/jpeg, image/tiff";

/// Answers `GET /v1/openapi.json`.
pub(super) async fn answer() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

/// The document.
pub(crate) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let paths = paths(&mut schemas);
    let webhooks = webhooks(&mut schemas);
    let mut definitions = schemas.take_definitions(true);
    // Of GOT's options, of which not all go together, `recto schema options` tells.
    if let Some(options) = definitions
        .get_mut("Options")
        .and_then(|options| options.get_mut("properties"))
        && let Some(options) = options.as_object_mut()
    {
        options.remove("got");
    }
    definitions.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Recto",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Documents in, Markdown out. Every error is an `application/problem+json` (RFC 9457).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            "schemas": definitions,
            "securitySchemes": {"key": {
                "type": "http", "scheme": "bearer",
                "description": "A key of `recto api-key`. A service without keys listens on loopback alone and asks for none.",
            }},
        },
    })
}

/// The paths and their operations.
fn paths(schemas: &mut SchemaGenerator) -> Value {
    let id = json!({"name": "id", "in": "path", "required": true, "description": "The job's `id`.",
        "schema": {"type": "string", "minLength": 1}});
    let batch = json!({"name": "batch", "in": "path", "required": true, "description": "The batch's name.",
        "schema": {"type": "string", "minLength": 1}});
    let mut paths = Map::new();
    let mut add = |path: &str, method: &str, operation: Value| {
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method] = operation;
    };
    add("/v1/documents", "post", submit(schemas));
    add(
        "/v1/jobs",
        "get",
        operation(schemas, "listJobs", "Jobs of a batch", "read")
            .parameters(job_parameters())
            .answers::<JobList>(200, "Jobs, in the order of their ids.")
            .problems(&[400, 404])
            .done(),
    );
    let one_job = |schemas: &mut SchemaGenerator, name: &str, summary: &str, scope: &str| {
        operation(schemas, name, summary, scope)
            .parameters(json!([id]))
            .problems(&[404])
            .done()
    };
    let with = |mut operation: Value, status: &str, answer: Value| {
        operation["responses"][status] = answer;
        operation
    };
    let job = content::<JobView>(schemas, "The job.");
    let show = one_job(schemas, "showJob", "A job", "read");
    add("/v1/jobs/{id}", "get", with(show, "200", job.clone()));
    let conflict = problem(
        schemas,
        "The job's state does not allow it, or the ledger does not have it whole.",
    );
    let retry = one_job(schemas, "retryJob", "Submit a job again", "manage");
    let retry = with(with(retry, "202", job.clone()), "409", conflict);
    add("/v1/jobs/{id}/retry", "post", retry);
    let cancel = one_job(schemas, "cancelJob", "Cancel a job", "manage");
    add("/v1/jobs/{id}/cancel", "post", with(cancel, "202", job));
    let result = operation(schemas, "showResult", "The result of a job", "read")
        .parameters(json!([id]))
        .problems(&[404, 406, 409, 410])
        .done();
    let result = with(
        result,
        "200",
        document_answer(schemas, "The result, in the form that `Accept` asks for."),
    );
    add("/v1/jobs/{id}/result", "get", result);
    let files = operation(schemas, "listFiles", "The files of a result", "read")
        .parameters(json!([id]))
        .answers::<FileList>(200, "The files.")
        .problems(&[404, 409, 410])
        .done();
    add("/v1/jobs/{id}/files", "get", files);
    let name = json!({"name": "name", "in": "path", "required": true, "description": "The file's name.",
        "schema": {"type": "string", "minLength": 1}});
    let file = operation(schemas, "showFile", "A file of a result", "read")
        .parameters(json!([id, name]))
        .problems(&[404, 409, 410])
        .done();
    let any = json!({"description": "The file.", "content": {"*/*": {"schema": {}}}});
    let file = with(file, "200", any);
    let file = with(
        file,
        "304",
        json!({"description": "The client has it (`If-None-Match`)."}),
    );
    add("/v1/jobs/{id}/files/{name}", "get", file);
    add(
        "/v1/batches",
        "get",
        operation(
            schemas,
            "listBatches",
            "The batches that the key may see",
            "read",
        )
        .answers::<BatchList>(200, "The batches.")
        .done(),
    );
    add(
        "/v1/batches/{batch}",
        "get",
        operation(schemas, "showBatch", "A batch", "read")
            .parameters(json!([batch]))
            .answers::<BatchView>(200, "The batch.")
            .problems(&[404])
            .done(),
    );
    let mut retry = operation(
        schemas,
        "retryBatch",
        "Submit jobs of a batch again",
        "manage",
    )
    .parameters(json!([batch]))
    .answers::<RetryView>(202, "What was submitted; a thousand jobs at most.")
    .problems(&[400, 404, 413])
    .done();
    let request = reference::<RetryRequest>(schemas);
    retry["requestBody"] =
        json!({"required": false, "content": {"application/json": {"schema": request}}});
    add("/v1/batches/{batch}/retry", "post", retry);
    add(
        "/v1/batches/{batch}/cancel",
        "post",
        operation(
            schemas,
            "cancelBatch",
            "Cancel the jobs of a batch that are submitted by now",
            "manage",
        )
        .parameters(json!([batch]))
        .answers::<BatchView>(202, "The batch, as it was.")
        .problems(&[404])
        .done(),
    );
    let mut events = operation(schemas, "takeEvents", "Events of a store", "events")
        .answers::<EventsView>(202, "What became of them.")
        .problems(&[400, 413])
        .done();
    events["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": {
        "description": "S3 records as AWS, MinIO and Ceph write them, also within SNS or EventBridge, or a CloudEvent.",
    }}}});
    add("/v1/events", "post", events);
    add(
        "/v1/webhooks",
        "get",
        operation(
            schemas,
            "listWebhooks",
            "The webhooks; for keys of all batches",
            "manage",
        )
        .answers::<WebhookList>(200, "The webhooks.")
        .problems(&[404])
        .done(),
    );
    Value::Object(paths)
}

/// `POST /v1/documents`.
fn submit(schemas: &mut SchemaGenerator) -> Value {
    let options = reference::<Options>(schemas);
    let text = |name: &str, place: &str, description: &str, schema: Value| json!({"name": name, "in": place, "description": description, "schema": schema});
    let parameters = json!([
        text(
            "Prefer",
            "header",
            "How long the result is waited for: `wait=SECONDS`, 60 at most, or `respond-async`.",
            json!({"type": "string"})
        ),
        text(
            "Idempotency-Key",
            "header",
            "A word of the client's own; a request that is repeated with it is done once.",
            json!({"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]([ -~]*[!-~])?$"})
        ),
        text(
            "name",
            "query",
            "The name of a document whose bytes are sent.",
            json!({"type": "string"})
        ),
        text(
            "batch",
            "query",
            "The batch of a document whose bytes are sent.",
            json!({"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"})
        ),
        json!({"name": "options", "in": "query", "description": "Options of a document whose bytes are sent, as JSON.",
            "content": {"application/json": {"schema": options}}}),
    ]);
    let mut submit = operation(schemas, "submitDocument", "Read a document", "submit")
        .parameters(parameters)
        .problems(&[400, 406, 408, 409, 410, 413, 415, 501])
        .done();
    let request = reference::<DocumentRequest>(schemas);
    let form = json!({
        "type": "object", "required": ["file"], "additionalProperties": false,
        "properties": {
            "file": {"type": "string", "format": "binary", "minLength": 1},
            "batch": {"type": "string", "maxLength": 200, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"},
            "options": options,
            "password": {"type": "string", "maxLength": 200},
        },
    });
    let binary = json!({"schema": {"type": "string", "format": "binary", "minLength": 1}});
    submit["requestBody"] = json!({"required": true, "content": {
        "application/pdf": binary, "image/png": binary, "image/jpeg": binary, "image/tiff": binary,
        "multipart/form-data": {"schema": form, "encoding": {"options": {"contentType": "application/json"}, "file": {"contentType": FILE_TYPES}}},
        "application/json": {"schema": request},
    }});
    submit["responses"]["200"] = document_answer(schemas, "The document is read.");
    let mut accepted = content::<JobView>(schemas, "It will be read: `Location` is where to look.");
    accepted["headers"] = json!({"Location": {"schema": {"type": "string"}}, "Retry-After": {"schema": {"type": "integer"}}});
    submit["responses"]["202"] = accepted;
    submit
}

/// The messages to webhooks.
fn webhooks(schemas: &mut SchemaGenerator) -> Value {
    let schema = reference::<WebhookEvent>(schemas);
    let header = |name: &str, description: &str| json!({"name": name, "in": "header", "required": true, "description": description, "schema": {"type": "string"}});
    json!({"ended": {"post": {
        "operationId": "ended",
        "summary": "A job or all jobs of a batch have ended",
        "description": "Signed as Standard Webhooks 1.0.0 has it. Sent until the answer is a success; it may come twice, with the same id.",
        "parameters": [
            header("webhook-id", "The message's id, the same for each attempt."),
            header("webhook-timestamp", "Seconds since 1970."),
            header("webhook-signature", "`v1,` and the base64 of the HMAC-SHA256 of `ID.TIMESTAMP.BODY`."),
        ],
        "requestBody": {"required": true, "content": {"application/json": {"schema": schema}}},
        "responses": {"2XX": {"description": "It is taken."}},
    }}})
}

fn job_parameters() -> Value {
    let text = |name: &str, required: bool, description: &str, schema: Value| json!({"name": name, "in": "query", "required": required, "description": description, "schema": schema});
    let states = JobState::ALL.map(JobState::as_str).join("|");
    json!([
        text("batch", true, "The batch.", json!({"type": "string"})),
        text(
            "state",
            false,
            "States, with commas.",
            json!({"type": "string", "pattern": format!("^(({states})(,({states}))*)?$")})
        ),
        text(
            "kind",
            false,
            "The reason that they ended for.",
            json!({"type": "string"})
        ),
        text(
            "after",
            false,
            "`next` of the part before.",
            json!({"type": "string"})
        ),
        text(
            "limit",
            false,
            "Maximum number of jobs.",
            json!({"type": "integer", "minimum": 1, "maximum": 1000})
        ),
    ])
}

/// A result in its three forms.
fn document_answer(schemas: &mut SchemaGenerator, description: &str) -> Value {
    let mut answer = content::<DocumentView>(schemas, description);
    answer["content"]["text/markdown"] = json!({"schema": {"type": "string"}});
    answer["content"]["text/html"] = json!({"schema": {"type": "string"}});
    answer
}

fn reference<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    schemas.subschema_for::<T>().to_value()
}

fn content<T: JsonSchema>(schemas: &mut SchemaGenerator, description: &str) -> Value {
    let schema = reference::<T>(schemas);
    json!({"description": description, "content": {"application/json": {"schema": schema}}})
}

fn problem(schemas: &mut SchemaGenerator, description: &str) -> Value {
    let schema = reference::<ProblemView>(schemas);
    json!({"description": description, "content": {"application/problem+json": {"schema": schema}}})
}

/// An operation that is put together.
struct Operation<'a> {
    schemas: &'a mut SchemaGenerator,
    value: Value,
}

fn operation<'a>(
    schemas: &'a mut SchemaGenerator,
    name: &str,
    summary: &str,
    scope: &str,
) -> Operation<'a> {
    let value = json!({
        "operationId": name, "summary": summary, "description": format!("Needs the scope `{scope}`."),
        "parameters": [], "responses": {},
    });
    Operation { schemas, value }.problems(&[401, 403, 421, 429, 503])
}

impl Operation<'_> {
    fn parameters(mut self, parameters: Value) -> Self {
        self.value["parameters"] = parameters;
        self
    }

    fn answers<T: JsonSchema>(mut self, status: u16, description: &str) -> Self {
        self.value["responses"][status.to_string()] = content::<T>(self.schemas, description);
        self
    }

    fn problems(mut self, statuses: &[u16]) -> Self {
        for status in statuses {
            let meaning = match status {
                400 => "The request makes no sense.",
                401 => "No key, or one that is not known.",
                403 => "The key is not for that.",
                404 => "There is no such thing, or the key may not see it.",
                406 => "The result has no form that `Accept` names.",
                408 => "The document did not come in time.",
                409 => {
                    "The job has no result, or its state does not allow it; or another request had the `Idempotency-Key`."
                }
                410 => "The result is not in the store any more.",
                413 => "The request is too large.",
                415 => "The body is of no type that is taken.",
                421 => "The service is not known by this host name.",
                429 => "Too many requests with this key; `Retry-After` says how long to wait.",
                501 => "The service was started without a place for documents.",
                _ => {
                    "Something does not answer or has no room; `Retry-After` says how long to wait."
                }
            };
            self.value["responses"][status.to_string()] = problem(self.schemas, meaning);
        }
        self
    }

    fn done(self) -> Value {
        self.value
    }
}
