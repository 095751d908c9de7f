//! Rows of the database as records and back.

use sqlx::{Any, Row as _, any::AnyRow, query::Query};

use super::record::{JobRecord, JobState};

/// The columns of a job, in the order in which they are bound and read.
pub(super) const COLUMNS: &str = "id, batch, state, kind, message, source, output, body, has_password, attempt, worker, \
     submitted, started, ended, seen, pages, pages_failed, bytes, manifest, manifest_sha256";

/// Writes a job over what was known of it.
pub(super) const UPSERT: &str = "INSERT INTO jobs (id, batch, state, kind, message, source, output, body, has_password, \
     attempt, worker, submitted, started, ended, seen, pages, pages_failed, bytes, manifest, manifest_sha256) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) \
     ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, state = excluded.state, kind = excluded.kind, \
     message = excluded.message, source = excluded.source, output = excluded.output, body = excluded.body, \
     has_password = excluded.has_password, attempt = excluded.attempt, worker = excluded.worker, \
     submitted = excluded.submitted, started = excluded.started, ended = excluded.ended, seen = excluded.seen, \
     pages = excluded.pages, pages_failed = excluded.pages_failed, bytes = excluded.bytes, \
     manifest = excluded.manifest, manifest_sha256 = excluded.manifest_sha256";

/// Binds a job's columns.
pub(super) fn bind<'q>(
    query: Query<'q, Any, sqlx::any::AnyArguments>,
    job: &'q JobRecord,
) -> Query<'q, Any, sqlx::any::AnyArguments> {
    query
        .bind(text(&job.id))
        .bind(text(&job.batch))
        .bind(job.state.as_str())
        .bind(text(&job.kind))
        .bind(text(&job.message))
        .bind(text(&job.source))
        .bind(text(&job.output))
        .bind(text(&job.body))
        .bind(i64::from(job.has_password))
        .bind(job.attempt)
        .bind(text(&job.worker))
        .bind(job.submitted)
        .bind(job.started)
        .bind(job.ended)
        .bind(job.seen)
        .bind(job.pages)
        .bind(job.pages_failed)
        .bind(job.bytes)
        .bind(text(&job.manifest))
        .bind(text(&job.manifest_sha256))
}

/// A text as databases take it: PostgreSQL refuses the character of code 0.
pub(super) fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Reads a row of [`COLUMNS`].
pub(super) fn job(row: &AnyRow) -> Result<JobRecord, sqlx::Error> {
    let state: String = row.try_get(2)?;
    Ok(JobRecord {
        id: row.try_get(0)?,
        batch: row.try_get(1)?,
        state: JobState::of(&state)
            .ok_or_else(|| sqlx::Error::Decode(format!("no state is called {state:?}").into()))?,
        kind: row.try_get(3)?,
        message: row.try_get(4)?,
        source: row.try_get(5)?,
        output: row.try_get(6)?,
        body: row.try_get(7)?,
        has_password: row.try_get::<i64, _>(8)? != 0,
        attempt: row.try_get(9)?,
        worker: row.try_get(10)?,
        submitted: row.try_get(11)?,
        started: row.try_get(12)?,
        ended: row.try_get(13)?,
        seen: row.try_get(14)?,
        pages: row.try_get(15)?,
        pages_failed: row.try_get(16)?,
        bytes: row.try_get(17)?,
        manifest: row.try_get(18)?,
        manifest_sha256: row.try_get(19)?,
    })
}
