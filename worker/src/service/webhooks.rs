//! Webhooks: messages about ended jobs and batches, sent until they are taken.
//!
//! A message is signed as Standard Webhooks has it (standardwebhooks.com, 1.0.0): `webhook-id`, `webhook-timestamp`, and in
//! `webhook-signature` the HMAC-SHA256 of `ID.TIMESTAMP.BODY`. A message may come twice, with the same id.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use anyhow::Context as _;
use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use glob::Pattern;
use hmac::{Hmac, KeyInit as _, Mac as _};
use recto_schemas::service::{BatchView, WebhookList};
use serde::Deserialize;
use sha2::Sha256;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    Shared,
    config::patterns,
    keys::{Caller, Scope},
    problem::Problem,
};
use crate::{
    ledger::{
        Ledger,
        record::milliseconds,
        view::batch_views,
        webhooks::{WebhookFilter, WebhookMessage},
    },
    os::clock,
};

/// Time between two looks for messages that are due.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time between two looks for batches that have ended.
const BATCH_INTERVAL: Duration = Duration::from_secs(5);
/// Milliseconds for which a batch must have ended before that is told: others of its jobs may just be submitted.
const BATCH_REST_MS: i64 = 10_000;
/// Messages of one webhook that are sent at the same time.
const AT_ONCE: i64 = 16;
/// Timeout of an attempt.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Milliseconds after which a message is sent by another process, if this one has ended over it.
const LEASE_MS: i64 = 60_000;
/// Wait after the first attempt that failed; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest wait.
const MAX_WAIT: Duration = Duration::from_secs(3600);
/// Milliseconds after which a message is given up: three days, a long weekend.
const GIVE_UP_MS: i64 = 3 * 24 * 3600 * 1000;
/// Shortest secret, in bytes.
const MIN_SECRET_BYTES: usize = 16;
/// The beginning of a secret that is written in base64 (Standard Webhooks).
const SECRET_PREFIX: &str = "whsec_";

/// `[[webhook]]` of the service's file.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct WebhookConfig {
    /// Its name, in logs and in the ledger.
    name: String,
    /// The address that messages are sent to.
    url: String,
    /// The secret that messages are signed with.
    secret: Option<String>,
    /// The file that the secret is in.
    secret_file: Option<PathBuf>,
    /// Batches that it is told of, such as `letters-*`.
    #[serde(deserialize_with = "patterns")]
    batches: Vec<Pattern>,
    /// The kinds of messages that it gets.
    events: Vec<WebhookKind>,
}

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum WebhookKind {
    #[serde(rename = "job.ended")]
    JobEnded,
    #[serde(rename = "batch.ended")]
    BatchEnded,
}

/// A webhook that is ready to be told.
#[derive(Clone)]
pub(crate) struct Webhook {
    filter: WebhookFilter,
    url: Url,
    secret: Vec<u8>,
}

impl Webhook {
    /// Checks the webhooks of the service's file.
    ///
    /// # Errors
    /// One makes no sense, or its secret cannot be read.
    pub(crate) fn of(configs: &[WebhookConfig]) -> anyhow::Result<Vec<Self>> {
        let mut names: Vec<&str> = Vec::new();
        let webhook = |config: &WebhookConfig| {
            let name = &config.name;
            let url = Url::parse(&config.url).ok();
            let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            let url = url.with_context(|| {
                format!("webhook {name}: `url` is not an http or https address")
            })?;
            let secret = secret(config).with_context(|| format!("webhook {name}"))?;
            Ok(Self {
                filter: WebhookFilter {
                    name: name.clone(),
                    batches: config.batches.clone(),
                    of_jobs: config.events.contains(&WebhookKind::JobEnded),
                    of_batches: config.events.contains(&WebhookKind::BatchEnded),
                },
                url,
                secret,
            })
        };
        for config in configs {
            anyhow::ensure!(
                !config.name.is_empty() && !names.contains(&config.name.as_str()),
                "each [[webhook]] needs a `name` of its own; {:?} is none",
                config.name
            );
            names.push(&config.name);
        }
        configs.iter().map(webhook).collect()
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.filter.name
    }

    /// The part of it that the ledger needs.
    pub(crate) fn filter(&self) -> WebhookFilter {
        self.filter.clone()
    }

    /// The signature of a message.
    fn signature(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

fn secret(config: &WebhookConfig) -> anyhow::Result<Vec<u8>> {
    let text = match (&config.secret, &config.secret_file) {
        (Some(secret), None) => secret.clone(),
        (None, Some(path)) => std::fs::read_to_string(path)
            .with_context(|| format!("`secret-file`: cannot read {}", path.display()))?,
        _ => anyhow::bail!("give either `secret` or `secret-file`"),
    };
    let secret = match text.trim().strip_prefix(SECRET_PREFIX) {
        Some(encoded) => STANDARD
            .decode(encoded)
            .context("the secret is not base64 after whsec_")?,
        None => text.trim().as_bytes().to_vec(),
    };
    anyhow::ensure!(
        secret.len() >= MIN_SECRET_BYTES,
        "the secret has fewer than {MIN_SECRET_BYTES} bytes"
    );
    Ok(secret)
}

/// `GET /v1/webhooks`, for keys of all batches.
pub(super) async fn list(
    State(service): State<Shared>,
    caller: Caller,
) -> Result<Json<WebhookList>, Problem> {
    caller.needs(Scope::Manage)?;
    if !caller.sees_all() {
        return Err(Problem::not_found());
    }
    let mut list = WebhookList::default();
    for name in &service.webhooks {
        list.webhooks.push(service.ledger.webhook_view(name).await?);
    }
    Ok(Json(list))
}

/// Sends messages until it is told to stop.
pub(crate) async fn run(webhooks: &[Webhook], ledger: &Ledger, stop: &CancellationToken) {
    if webhooks.is_empty() {
        return stop.cancelled().await;
    }
    let sending = webhooks
        .iter()
        .map(|webhook| send_all(webhook, ledger, stop));
    tokio::join!(join_all(sending), watch_batches(webhooks, ledger, stop));
}

async fn send_all(webhook: &Webhook, ledger: &Ledger, stop: &CancellationToken) {
    let name = &webhook.filter.name;
    while !stop.is_cancelled() {
        let due = ledger.due_messages(name, AT_ONCE, LEASE_MS).await;
        let due = due.unwrap_or_else(|error| {
            tracing::warn!(%error, webhook = name, "messages wait: the ledger does not answer");
            Vec::new()
        });
        if due.is_empty() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(INTERVAL) => {}
            }
            continue;
        }
        // What is sent is recorded, also at the end.
        join_all(due.iter().map(|message| deliver(webhook, ledger, message))).await;
    }
}

/// Makes one attempt, and records how it ended.
async fn deliver(webhook: &Webhook, ledger: &Ledger, message: &WebhookMessage) {
    let name = &webhook.filter.name;
    let (sender, sent) = (webhook.clone(), message.clone());
    let attempt = tokio::task::spawn_blocking(move || post(&sender, &sent)).await;
    let recorded = match attempt.unwrap_or_else(|_| Err("it panicked".to_owned())) {
        Ok(()) => ledger.message_delivered(&message.id).await,
        Err(error) => {
            let now = milliseconds(&clock::now());
            let is_over = now - message.created > GIVE_UP_MS;
            let next = (!is_over).then(|| now + wait_ms(message.attempts));
            match is_over {
                true => tracing::error!(
                    error,
                    webhook = name,
                    id = message.id,
                    "a message to a webhook is given up"
                ),
                false => tracing::warn!(
                    error,
                    webhook = name,
                    id = message.id,
                    "a webhook does not take a message; it is sent again"
                ),
            }
            ledger.message_failed(&message.id, &error, next).await
        }
    };
    if let Err(error) = recorded {
        tracing::warn!(%error, webhook = name, "an attempt could not be recorded; the message may be sent twice");
    }
}

/// Milliseconds until the next attempt.
fn wait_ms(attempts: i64) -> i64 {
    let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(20);
    let wait = FIRST_WAIT.saturating_mul(1 << doublings).min(MAX_WAIT);
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
}

fn post(webhook: &Webhook, message: &WebhookMessage) -> Result<(), String> {
    // A redirection would lead the message, and its signature, to somebody whom nobody has named.
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("recto/", env!("CARGO_PKG_VERSION")))
        .build();
    let timestamp = milliseconds(&clock::now()) / 1000;
    let answer = ureq::Agent::new_with_config(config)
        .post(webhook.url.as_str())
        .header("content-type", "application/json")
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", timestamp.to_string())
        .header(
            "webhook-signature",
            webhook.signature(&message.id, timestamp, &message.body),
        )
        .send(&message.body)
        .map_err(|error| error.to_string())?;
    match answer.status().is_success() {
        true => Ok(()),
        false => Err(format!("it answers {}", answer.status())),
    }
}

/// Records messages about batches whose jobs have all ended.
async fn watch_batches(webhooks: &[Webhook], ledger: &Ledger, stop: &CancellationToken) {
    if !webhooks.iter().any(|webhook| webhook.filter.of_batches) {
        return;
    }
    // What was looked at before and has not changed since.
    let mut known = HashMap::<String, BatchView>::new();
    while !stop.is_cancelled() {
        if let Err(error) = look_at_batches(webhooks, ledger, &mut known).await {
            tracing::warn!(%error, "batches could not be looked at");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(BATCH_INTERVAL) => {}
        }
    }
}

async fn look_at_batches(
    webhooks: &[Webhook],
    ledger: &Ledger,
    known: &mut HashMap<String, BatchView>,
) -> anyhow::Result<()> {
    let now = milliseconds(&clock::now());
    for batch in batch_views(&ledger.sums(None).await?) {
        if batch.open > 0 || known.get(&batch.batch) == Some(&batch) {
            continue;
        }
        let ended = ledger.last_end(&batch.batch).await?;
        if now - ended < BATCH_REST_MS {
            continue;
        }
        for webhook in webhooks {
            ledger
                .record_batch_end(&webhook.filter, &batch, ended)
                .await?;
        }
        known.insert(batch.batch.clone(), batch);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhooks(text: &str) -> anyhow::Result<Vec<Webhook>> {
        #[derive(Deserialize)]
        struct WebhookFile {
            webhook: Vec<WebhookConfig>,
        }
        Webhook::of(&toml::from_str::<WebhookFile>(text)?.webhook)
    }

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // The example of the specification, "Verifying signatures".
        let webhook = webhooks(
            "[[webhook]]\nname = 'w'\nurl = 'https://example.org/'\nsecret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'\n\
             batches = ['*']\nevents = ['job.ended']",
        )
        .unwrap()
        .remove(0);
        let signature = webhook.signature(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn waits_double_up_to_an_hour() {
        assert_eq!(
            [0, 1, 2, 40].map(wait_ms),
            [5_000, 10_000, 20_000, 3_600_000]
        );
    }

    #[test]
    fn webhooks_that_make_no_sense_are_said() {
        let table = |rest: &str| {
            format!("[[webhook]]\nname = 'w'\nbatches = ['*']\nevents = ['job.ended']\n{rest}")
        };
        for (rest, said) in [
            ("url = 'ftp://x/'\nsecret = '0123456789abcdef'", "http"),
            ("url = 'http://x/'", "secret-file"),
            ("url = 'http://x/'\nsecret = 'short'", "16 bytes"),
            ("url = 'http://x/'\nsecret = 'whsec_!'", "base64"),
        ] {
            let error = webhooks(&table(rest)).map(drop).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(said), "{error}");
        }
    }
}
