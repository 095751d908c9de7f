//! [`Ledger`]: the database, its transactions and its questions.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    sync::{Arc, LazyLock},
    time::Duration,
};

use recto_schemas::{Job, JobEvent, WorkerReport};
use sqlx::{
    Any, AnyConnection, AnyPool, AssertSqlSafe, Row as _, Transaction, any::AnyPoolOptions,
};

use super::{
    config::LedgerUrl,
    record::{JobRecord, JobState, milliseconds, split_id},
    rows::{self, COLUMNS, UPSERT, text},
    webhooks::{self, WebhookFilter},
};
use crate::job::messages;

/// Connections of a process: readers do not wait for the one that writes.
const MAX_CONNECTIONS: u32 = 4;
/// Timeout for a connection to the database.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Jobs that are read from the database at a time.
pub(crate) const PAGE: i64 = 1_000;
/// The lock that writers of a ledger in PostgreSQL hold: an arbitrary number, `recto` in ASCII.
const WRITER_LOCK: i64 = 0x72_65_63_74_6f;

/// The ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    /// It cannot be opened.
    #[error("cannot open the ledger {url}: {error}")]
    Open {
        url: LedgerUrl,
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It cannot be read or written.
    #[error("the ledger failed: {0}")]
    Query(#[from] sqlx::Error),
}

/// The sum of a batch's jobs that are in one state for one reason.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BatchSum {
    pub(crate) batch: String,
    pub(crate) state: JobState,
    pub(crate) kind: String,
    pub(crate) jobs: i64,
    pub(crate) pages: i64,
    pub(crate) pages_failed: i64,
    pub(crate) bytes: i64,
}

/// A message from the ledger's queue.
#[derive(Clone, Debug)]
pub(crate) enum Intake {
    /// A step of a job.
    Event(Box<JobEvent>),
    /// The jobs that a worker has in hand.
    Worker(WorkerReport),
    /// Neither: its hash, the reason and its beginning.
    Unreadable {
        sha256: String,
        reason: String,
        body: String,
    },
}

/// The jobs that are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobFilter {
    pub(crate) batch: String,
    /// In one of these states; any if empty.
    pub(crate) states: Vec<JobState>,
    /// For this reason; any if `None`.
    pub(crate) kind: Option<String>,
}

/// The ledger's database.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pub(super) pool: AnyPool,
    is_server: bool,
    /// The webhooks that are told of what is recorded here.
    webhooks: Arc<[WebhookFilter]>,
}

impl Ledger {
    /// Opens the database; makes it, and brings it to this version's schema, if it is not there.
    pub(crate) async fn open(url: &LedgerUrl) -> Result<Self, LedgerError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| LedgerError::Open {
            url: url.clone(),
            error,
        };
        let (address, is_server) = match url {
            LedgerUrl::Server(url) => (url.to_string(), true),
            LedgerUrl::File(path) => {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder).map_err(|error| failed(error.into()))?;
                }
                let path = std::path::absolute(path).map_err(|error| failed(error.into()))?;
                let url = url::Url::from_file_path(&path)
                    .map_err(|()| failed("the path is not absolute".into()))?;
                (format!("sqlite://{}?mode=rwc", url.path()), false)
            }
        };
        sqlx::any::install_default_drivers();
        let pool = AnyPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect(&address)
            .await
            .map_err(|error| failed(error.into()))?;
        let ledger = Self {
            pool,
            is_server,
            webhooks: Arc::default(),
        };
        if !is_server {
            // Readers see the last transaction while another is written.
            sqlx::query("PRAGMA journal_mode = WAL")
                .execute(&ledger.pool)
                .await
                .map_err(|error| failed(error.into()))?;
        }
        sqlx::migrate!("src/ledger/migrations")
            .run(&ledger.pool)
            .await
            .map_err(|error| failed(error.into()))?;
        Ok(ledger)
    }

    /// The same ledger; what is recorded through it is recorded for these webhooks too.
    pub(crate) fn with_webhooks(self, webhooks: impl Iterator<Item = WebhookFilter>) -> Self {
        Self {
            webhooks: webhooks.collect(),
            ..self
        }
    }

    /// A transaction that writes; there is one at a time.
    pub(super) async fn writing(&self) -> Result<Transaction<'_, Any>, sqlx::Error> {
        if !self.is_server {
            return self.pool.begin_with("BEGIN IMMEDIATE").await;
        }
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(WRITER_LOCK)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction)
    }

    /// Takes messages into the ledger, all or none.
    pub(crate) async fn take(&self, messages: &[Intake]) -> Result<(), LedgerError> {
        let mut transaction = self.writing().await?;
        let mut jobs = ChangedJobs::default();
        for message in messages {
            match message {
                Intake::Event(event) => {
                    let (id, _) = split_id(&event.id);
                    let record = jobs.load(&mut transaction, id).await?;
                    record.apply(event);
                }
                Intake::Worker(report) => take_report(&mut transaction, report).await?,
                Intake::Unreadable { .. } => take_unreadable(&mut transaction, message).await?,
            }
        }
        jobs.store(&mut transaction, &self.webhooks).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Records a job that is about to be handed over, unless the ledger knows it: then nothing changes, and its record is
    /// given. Of several that try at the same time, one gets `None`.
    pub(crate) async fn claim(&self, job: &Job) -> Result<Option<JobRecord>, LedgerError> {
        let event = messages::submitted(job);
        let mut transaction = self.writing().await?;
        let mut jobs = ChangedJobs::default();
        let record = jobs.load(&mut transaction, split_id(&job.id).0).await?;
        if record.attempt > 0 {
            return Ok(Some(record.clone()));
        }
        record.apply(&event);
        jobs.store(&mut transaction, &self.webhooks).await?;
        transaction.commit().await?;
        Ok(None)
    }

    /// Changes jobs in one transaction: `change` gets each of those that are there, and says if it has changed it.
    pub(crate) async fn change(
        &self,
        ids: &[String],
        mut change: impl FnMut(&mut JobRecord) -> bool,
    ) -> Result<Vec<JobRecord>, LedgerError> {
        let mut transaction = self.writing().await?;
        let mut jobs = ChangedJobs::default();
        let mut changed = Vec::new();
        for id in ids {
            let record = jobs.load(&mut transaction, id).await?;
            if record.attempt > 0 && change(record) {
                changed.push(record.clone());
            }
        }
        jobs.store(&mut transaction, &self.webhooks).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// The sums of a batch, or of all.
    pub(crate) async fn sums(&self, batch: Option<&str>) -> Result<Vec<BatchSum>, LedgerError> {
        let columns = "SELECT batch, state, kind, jobs, pages, pages_failed, bytes FROM sums";
        let sql = match batch {
            Some(_) => {
                format!("{columns} WHERE batch = $1 AND jobs > 0 ORDER BY batch, state, kind")
            }
            None => format!("{columns} WHERE jobs > 0 ORDER BY batch, state, kind"),
        };
        let mut query = sqlx::query(AssertSqlSafe(sql));
        if let Some(batch) = batch {
            query = query.bind(text(batch));
        }
        let rows = query.fetch_all(&self.pool).await?;
        let sum = |row: &sqlx::any::AnyRow| -> Result<BatchSum, sqlx::Error> {
            let state: String = row.try_get(1)?;
            Ok(BatchSum {
                batch: row.try_get(0)?,
                state: JobState::of(&state).unwrap_or_default(),
                kind: row.try_get(2)?,
                jobs: row.try_get(3)?,
                pages: row.try_get(4)?,
                pages_failed: row.try_get(5)?,
                bytes: row.try_get(6)?,
            })
        };
        Ok(rows.iter().map(sum).collect::<Result<_, _>>()?)
    }

    /// Up to [`PAGE`] jobs in the order of their ids, after the one of id `after`.
    pub(crate) async fn jobs(
        &self,
        filter: &JobFilter,
        after: &str,
    ) -> Result<Vec<JobRecord>, LedgerError> {
        let mut sql = format!("SELECT {COLUMNS} FROM jobs WHERE batch = $1 AND id > $2");
        if !filter.states.is_empty() {
            let words: Vec<_> = filter
                .states
                .iter()
                .map(|state| format!("'{}'", state.as_str()))
                .collect();
            sql += &format!(" AND state IN ({})", words.join(", "));
        }
        if filter.kind.is_some() {
            sql += " AND kind = $3";
        }
        sql += &format!(" ORDER BY id LIMIT {PAGE}");
        let mut query = sqlx::query(AssertSqlSafe(sql))
            .bind(text(&filter.batch))
            .bind(text(after));
        if let Some(kind) = &filter.kind {
            query = query.bind(text(kind));
        }
        let rows = query.fetch_all(&self.pool).await?;
        Ok(rows.iter().map(rows::job).collect::<Result<_, _>>()?)
    }

    /// A job by its id or that of a retry.
    pub(crate) async fn job(&self, id: &str) -> Result<Option<JobRecord>, LedgerError> {
        let mut connection = self.pool.acquire().await?;
        Ok(find(&mut connection, split_id(id).0).await?)
    }

    /// Up to [`PAGE`] open jobs of all batches that were last heard of before `seen_before` and are not held for lost, in
    /// the order of their ids, after the one of id `after`.
    pub(crate) async fn unheard(
        &self,
        seen_before: i64,
        after: &str,
    ) -> Result<Vec<JobRecord>, LedgerError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs WHERE state IN ('waiting', 'reading') AND id > $1 AND seen < $2 ORDER BY id LIMIT {PAGE}"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(text(after))
            .bind(seen_before)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.iter().map(rows::job).collect::<Result<_, _>>()?)
    }

    /// The ids of jobs that workers had in hand when they said so last, `since` that time.
    pub(crate) async fn in_hand(&self, since: i64) -> Result<Vec<String>, LedgerError> {
        let sql = "SELECT jobs FROM workers WHERE seen >= $1";
        let rows = sqlx::query(sql).bind(since).fetch_all(&self.pool).await?;
        let mut ids = Vec::new();
        for row in &rows {
            let jobs: String = row.try_get(0)?;
            ids.extend(serde_json::from_str::<Vec<String>>(&jobs).unwrap_or_default());
        }
        Ok(ids)
    }

    /// Jobs and pages of a batch that ended since a time, and when the first of them did.
    pub(crate) async fn ended_since(
        &self,
        batch: &str,
        since: i64,
    ) -> Result<(i64, i64, i64), LedgerError> {
        let sql = "SELECT COUNT(*), CAST(COALESCE(SUM(pages), 0) AS BIGINT), COALESCE(MIN(ended), 0) FROM jobs \
                   WHERE batch = $1 AND ended >= $2";
        let query = sqlx::query(sql).bind(text(batch)).bind(since);
        let row = query.fetch_one(&self.pool).await?;
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    }

    /// Jobs and pages of a batch that ended in each hour: milliseconds since 1970 of its beginning, jobs, pages.
    pub(crate) async fn hours(&self, batch: &str) -> Result<Vec<(i64, i64, i64)>, LedgerError> {
        let sql = "SELECT ended / 3600000 * 3600000 AS hour, COUNT(*), CAST(SUM(pages) AS BIGINT) FROM jobs \
                   WHERE batch = $1 AND ended > 0 GROUP BY ended / 3600000 * 3600000 ORDER BY hour";
        let rows = sqlx::query(sql)
            .bind(text(batch))
            .fetch_all(&self.pool)
            .await?;
        let hour = |row: &sqlx::any::AnyRow| -> Result<_, sqlx::Error> {
            Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
        };
        Ok(rows.iter().map(hour).collect::<Result<_, _>>()?)
    }

    /// Messages that were no event.
    pub(crate) async fn unreadable(&self) -> Result<i64, LedgerError> {
        let row = sqlx::query("SELECT COUNT(*) FROM unreadable")
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get(0)?)
    }
}

/// Jobs that a transaction has loaded, and the sums that they were part of.
#[derive(Default)]
struct ChangedJobs(HashMap<String, (Option<JobRecord>, JobRecord)>);

impl ChangedJobs {
    /// The job, from the database the first time.
    async fn load(
        &mut self,
        connection: &mut AnyConnection,
        id: &str,
    ) -> Result<&mut JobRecord, sqlx::Error> {
        if !self.0.contains_key(id) {
            let before = find(connection, id).await?;
            let now = before.clone().unwrap_or_else(|| JobRecord::new(id));
            self.0.insert(id.to_owned(), (before, now));
        }
        let (_, record) = self.0.get_mut(id).expect("it was put there");
        Ok(record)
    }

    /// Writes what has changed, and the sums.
    async fn store(
        self,
        connection: &mut AnyConnection,
        webhooks: &[WebhookFilter],
    ) -> Result<(), sqlx::Error> {
        let mut sums = BTreeMap::<(String, JobState, String), [i64; 4]>::new();
        for (before, now) in self.0.into_values() {
            if before.as_ref() == Some(&now) || now.attempt == 0 {
                continue;
            }
            for (record, sign) in before.iter().map(|record| (record, -1)).chain([(&now, 1)]) {
                let sum = sums
                    .entry((record.batch.clone(), record.state, record.kind.clone()))
                    .or_default();
                for (sum, number) in
                    sum.iter_mut()
                        .zip([1, record.pages, record.pages_failed, record.bytes])
                {
                    *sum += sign * number;
                }
            }
            rows::bind(sqlx::query(UPSERT), &now)
                .execute(&mut *connection)
                .await?;
            let end = |record: &JobRecord| (record.attempt, record.state);
            if !now.state.is_open() && before.as_ref().map(end) != Some(end(&now)) {
                webhooks::record_end(connection, webhooks, &now).await?;
            }
        }
        let sql = "INSERT INTO sums (batch, state, kind, jobs, pages, pages_failed, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                   ON CONFLICT (batch, state, kind) DO UPDATE SET jobs = sums.jobs + excluded.jobs, \
                   pages = sums.pages + excluded.pages, pages_failed = sums.pages_failed + excluded.pages_failed, \
                   bytes = sums.bytes + excluded.bytes";
        for ((batch, state, kind), [jobs, pages, pages_failed, bytes]) in sums {
            if [jobs, pages, pages_failed, bytes] == [0; 4] {
                continue;
            }
            let query = sqlx::query(sql)
                .bind(text(&batch))
                .bind(state.as_str())
                .bind(text(&kind));
            query
                .bind(jobs)
                .bind(pages)
                .bind(pages_failed)
                .bind(bytes)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }
}

async fn find(connection: &mut AnyConnection, id: &str) -> Result<Option<JobRecord>, sqlx::Error> {
    // One text for all, so that it is prepared once.
    static SQL: LazyLock<String> =
        LazyLock::new(|| format!("SELECT {COLUMNS} FROM jobs WHERE id = $1"));
    let row = sqlx::query(AssertSqlSafe(SQL.as_str()))
        .bind(text(id))
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(rows::job).transpose()
}

async fn take_report(
    connection: &mut AnyConnection,
    report: &WorkerReport,
) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO workers (worker, seen, jobs) VALUES ($1, $2, $3) ON CONFLICT (worker) DO UPDATE SET \
               seen = excluded.seen, jobs = excluded.jobs WHERE excluded.seen >= workers.seen";
    let jobs = serde_json::to_string(&report.jobs).unwrap_or_default();
    let query = sqlx::query(sql)
        .bind(text(&report.worker))
        .bind(milliseconds(&report.at));
    query.bind(text(&jobs)).execute(connection).await.map(drop)
}

async fn take_unreadable(
    connection: &mut AnyConnection,
    message: &Intake,
) -> Result<(), sqlx::Error> {
    let Intake::Unreadable {
        sha256,
        reason,
        body,
    } = message
    else {
        return Ok(());
    };
    let sql = "INSERT INTO unreadable (sha256, seen, reason, body) VALUES ($1, $2, $3, $4) ON CONFLICT (sha256) DO NOTHING";
    let now = milliseconds(&crate::os::clock::now());
    let query = sqlx::query(sql)
        .bind(text(sha256))
        .bind(now)
        .bind(text(reason))
        .bind(text(body));
    query.execute(connection).await.map(drop)
}

#[cfg(test)]
mod tests;
