//! Messages to webhooks, as the ledger records them: one for each end of a job, made in the transaction that records the end,
//! and one for each time that all jobs of a batch have ended.

use glob::Pattern;
use recto_schemas::service::{BatchView, WebhookEvent, WebhookView};
use sha2::{Digest as _, Sha256};
use sqlx::{AnyConnection, Row as _};

use super::{
    Ledger, LedgerError,
    record::{JobRecord, milliseconds},
    rows::text,
    view::job_view,
};
use crate::{
    document::manifest::hex,
    os::clock::{from_milliseconds, now},
};

/// Digits of a message's id: 128 bits.
const ID_DIGITS: usize = 32;

/// A webhook, as far as the ledger needs to know.
#[derive(Clone, Debug)]
pub(crate) struct WebhookFilter {
    pub(crate) name: String,
    /// The batches that it is told of.
    pub(crate) batches: Vec<Pattern>,
    /// True if it is told of each job.
    pub(crate) of_jobs: bool,
    /// True if it is told of batches.
    pub(crate) of_batches: bool,
}

impl WebhookFilter {
    fn is_for(&self, batch: &str) -> bool {
        self.batches.iter().any(|pattern| pattern.matches(batch))
    }
}

/// A message that is to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WebhookMessage {
    /// The same for every attempt.
    pub(crate) id: String,
    pub(crate) body: String,
    /// Attempts before this one.
    pub(crate) attempts: i64,
    /// When it was recorded, milliseconds since 1970.
    pub(crate) created: i64,
}

/// Records the messages about a job that has ended.
pub(super) async fn record_end(
    connection: &mut AnyConnection,
    filters: &[WebhookFilter],
    job: &JobRecord,
) -> Result<(), sqlx::Error> {
    let wanted = filters
        .iter()
        .filter(|filter| filter.of_jobs && filter.is_for(&job.batch));
    for filter in wanted {
        let state = job.state.as_str();
        let event = WebhookEvent::JobEnded {
            timestamp: from_milliseconds(job.ended).unwrap_or_else(now),
            data: Box::new(job_view(job, false)),
        };
        let of = [filter.name.as_str(), "job", &job.message_id(), state];
        insert(connection, &filter.name, &id(&of), &event).await?;
    }
    Ok(())
}

/// The id of a message, by what it is about.
fn id(of: &[&str]) -> String {
    let mut id = hex(&Sha256::digest(of.join("\0")));
    id.truncate(ID_DIGITS);
    format!("msg_{id}")
}

async fn insert(
    connection: &mut AnyConnection,
    webhook: &str,
    id: &str,
    event: &WebhookEvent,
) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO webhook_messages (id, webhook, body, created, attempts, next_attempt, delivered, error) \
               VALUES ($1, $2, $3, $4, 0, $4, 0, '') ON CONFLICT (id) DO NOTHING";
    let body = serde_json::to_string(event).expect("an event is JSON");
    let query = sqlx::query(sql)
        .bind(id.to_owned())
        .bind(text(webhook))
        .bind(text(&body))
        .bind(milliseconds(&now()));
    query.execute(connection).await.map(drop)
}

impl Ledger {
    /// Records the message about a batch whose jobs have all ended, the last of them at `ended`, unless it is recorded.
    pub(crate) async fn record_batch_end(
        &self,
        filter: &WebhookFilter,
        batch: &BatchView,
        ended: i64,
    ) -> Result<(), LedgerError> {
        if !filter.of_batches || !filter.is_for(&batch.batch) {
            return Ok(());
        }
        let event = WebhookEvent::BatchEnded {
            timestamp: from_milliseconds(ended).unwrap_or_else(now),
            data: Box::new(batch.clone()),
        };
        let of = [
            filter.name.as_str(),
            "batch",
            &batch.batch,
            &ended.to_string(),
        ];
        let mut connection = self.pool.acquire().await?;
        Ok(insert(&mut connection, &filter.name, &id(&of), &event).await?)
    }

    /// When the last job of a batch ended, milliseconds since 1970.
    pub(crate) async fn last_end(&self, batch: &str) -> Result<i64, LedgerError> {
        let sql = "SELECT COALESCE(MAX(ended), 0) FROM jobs WHERE batch = $1";
        let query = sqlx::query(sql).bind(text(batch));
        Ok(query.fetch_one(&self.pool).await?.try_get(0)?)
    }

    /// Up to `limit` messages of a webhook that are due; nobody else gets them until `lease_ms` milliseconds have passed.
    pub(crate) async fn due_messages(
        &self,
        webhook: &str,
        limit: i64,
        lease_ms: i64,
    ) -> Result<Vec<WebhookMessage>, LedgerError> {
        let now = milliseconds(&now());
        let is_due = "webhook = $1 AND next_attempt > 0 AND next_attempt <= $2";
        let sql = format!("SELECT 1 FROM webhook_messages WHERE {is_due} LIMIT 1");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(text(webhook))
            .bind(now);
        // As a rule there is none, and nobody is kept from writing.
        if query.fetch_optional(&self.pool).await?.is_none() {
            return Ok(Vec::new());
        }
        let mut transaction = self.writing().await?;
        let sql = format!(
            "SELECT id, body, attempts, created FROM webhook_messages WHERE {is_due} ORDER BY next_attempt LIMIT {limit}"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(text(webhook))
            .bind(now);
        let rows = query.fetch_all(&mut *transaction).await?;
        let mut due = Vec::new();
        for row in &rows {
            due.push(WebhookMessage {
                id: row.try_get(0)?,
                body: row.try_get(1)?,
                attempts: row.try_get(2)?,
                created: row.try_get(3)?,
            });
        }
        let sql =
            "UPDATE webhook_messages SET next_attempt = $2, attempts = attempts + 1 WHERE id = $1";
        for message in &due {
            let query = sqlx::query(sql)
                .bind(message.id.clone())
                .bind(now + lease_ms);
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(due)
    }

    /// Records that a message was delivered.
    pub(crate) async fn message_delivered(&self, id: &str) -> Result<(), LedgerError> {
        let sql = "UPDATE webhook_messages SET delivered = $2, next_attempt = 0, error = '' WHERE id = $1";
        let query = sqlx::query(sql)
            .bind(id.to_owned())
            .bind(milliseconds(&now()));
        query.execute(&self.pool).await?;
        Ok(())
    }

    /// Records why a message was not delivered, and when it is sent again (milliseconds since 1970); `None` gives it up.
    pub(crate) async fn message_failed(
        &self,
        id: &str,
        error: &str,
        next_attempt: Option<i64>,
    ) -> Result<(), LedgerError> {
        let sql = "UPDATE webhook_messages SET error = $2, next_attempt = $3 WHERE id = $1 AND delivered = 0";
        let query = sqlx::query(sql)
            .bind(id.to_owned())
            .bind(text(error))
            .bind(next_attempt.unwrap_or(0));
        query.execute(&self.pool).await?;
        Ok(())
    }

    /// A webhook and the sums of its messages.
    pub(crate) async fn webhook_view(&self, webhook: &str) -> Result<WebhookView, LedgerError> {
        let sql = "SELECT CAST(COALESCE(SUM(CASE WHEN delivered > 0 THEN 1 ELSE 0 END), 0) AS BIGINT), \
                   CAST(COALESCE(SUM(CASE WHEN next_attempt > 0 THEN 1 ELSE 0 END), 0) AS BIGINT), \
                   CAST(COALESCE(SUM(CASE WHEN delivered = 0 AND next_attempt = 0 THEN 1 ELSE 0 END), 0) AS BIGINT), \
                   COALESCE(MAX(error), '') FROM webhook_messages WHERE webhook = $1";
        let row = sqlx::query(sql)
            .bind(text(webhook))
            .fetch_one(&self.pool)
            .await?;
        Ok(WebhookView {
            name: webhook.to_owned(),
            delivered: row.try_get(0)?,
            waiting: row.try_get(1)?,
            failed: row.try_get(2)?,
            error: row.try_get(3)?,
        })
    }
}
