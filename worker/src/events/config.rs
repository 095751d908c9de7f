//! Rules and sources of events, as the service's file has them.

use std::{collections::BTreeMap, path::PathBuf};

use recto_schemas::{ByteSize, EngineName};
use serde::Deserialize;
use serde_json::{Map, Value};

/// `[[rule]]`: documents that become jobs when an event tells of them. Checked by [`Rules`](super::rules::Rules).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct EventRule {
    /// Its name, in logs and for `recto sweep --rule`.
    pub(super) name: String,
    /// Bucket of the documents.
    pub(super) bucket: Option<String>,
    /// Beginning of their keys.
    pub(super) prefix: Option<String>,
    /// Folder of the documents, in place of a bucket.
    pub(super) folder: Option<PathBuf>,
    /// Endings of their names; those of documents if absent.
    pub(super) suffix: Option<Vec<String>>,
    pub(super) min_size: Option<ByteSize>,
    pub(super) max_size: Option<ByteSize>,
    /// Prefix of the results.
    pub(super) output: String,
    /// Batch of the jobs; the rule's name if absent.
    pub(super) batch: Option<String>,
    pub(super) engine: Option<EngineName>,
    /// Members of [`recto_schemas::Options`].
    #[serde(default)]
    pub(super) options: Map<String, Value>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    pub(super) priority: Option<u8>,
}

impl EventRule {
    /// A rule for all documents of a folder, in the batch of its name.
    pub(crate) fn of_folder(name: &str, folder: PathBuf, output: String) -> Self {
        Self {
            name: name.to_owned(),
            bucket: None,
            prefix: None,
            folder: Some(folder),
            suffix: None,
            min_size: None,
            max_size: None,
            output,
            batch: None,
            engine: None,
            options: Map::from_iter([("html".to_owned(), Value::Bool(true))]),
            labels: BTreeMap::new(),
            priority: None,
        }
    }
}

/// `[[source]]`: a queue that events come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum EventSource {
    /// A queue of the broker that jobs go to.
    Amqp(AmqpSource),
    /// A queue of Amazon SQS.
    Sqs(SqsSource),
}

/// A queue of the broker, and the exchange that it gets events from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AmqpSource {
    /// Its name; that of the jobs queue with `.notifications` if absent.
    pub(super) queue: Option<String>,
    /// Exchange that the store publishes to; without one, it publishes to the queue itself.
    pub(super) exchange: Option<String>,
    /// Kind of the exchange, if it has to be made.
    #[serde(default)]
    pub(super) exchange_type: ExchangeType,
    /// True if the exchange survives a restart of the broker, if it has to be made.
    #[serde(default = "yes")]
    pub(super) durable: bool,
    /// Routing keys that are taken.
    #[serde(default = "every_key")]
    pub(super) binding_key: String,
}

/// Kinds of exchanges (AMQP 0-9-1, 3.1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExchangeType {
    #[default]
    Topic,
    Direct,
    Fanout,
    Headers,
}

/// A queue of Amazon SQS, or of a service that speaks its language.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SqsSource {
    /// Its address.
    pub(super) queue_url: String,
    /// Address of the service; AWS if absent.
    pub(super) endpoint: Option<String>,
    /// Region; that of the store if absent.
    pub(super) region: Option<String>,
}

fn yes() -> bool {
    true
}

fn every_key() -> String {
    "#".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        source: Vec<EventSource>,
    }

    fn sources(text: &str) -> Result<Vec<EventSource>, String> {
        let file = toml::from_str::<File>(text).map_err(|error| error.to_string())?;
        Ok(file.source)
    }

    #[test]
    fn sources_have_defaults_and_no_unknown_members() {
        let read = sources("[[source]]\nkind = \"amqp\"\nexchange = \"minio\"").unwrap();
        let [EventSource::Amqp(amqp)] = &read[..] else {
            panic!("{read:?}")
        };
        assert_eq!(
            (amqp.exchange_type, amqp.durable, amqp.binding_key.as_str()),
            (ExchangeType::Topic, true, "#")
        );
        for wrong in [
            "[[source]]\nkind = \"amqp\"\nexchang = \"minio\"",
            "[[source]]\nkind = \"sqs\"",
            "[[source]]\nkind = \"kafka\"",
            "[[source]]\nkind = \"amqp\"\nexchange-type = \"topics\"",
        ] {
            assert!(sources(wrong).is_err(), "{wrong}");
        }
    }
}
