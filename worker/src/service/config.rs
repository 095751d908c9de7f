//! [`ServiceFile`]: the file that names API keys, rules for events and webhooks.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use glob::Pattern;
use serde::{Deserialize, Deserializer, de};

use super::{keys::ApiKey, webhooks::WebhookConfig};
use crate::events::config::{EventRule, EventSource};

/// The option that names the file.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Service")]
pub(crate) struct ServiceFileConfig {
    /// File (TOML) with API keys, rules for events and webhooks, such as `/etc/recto/service.toml`
    #[arg(long, value_name = "FILE", env = "RECTO_SERVICE_CONFIG")]
    pub(crate) service_config: Option<PathBuf>,
}

impl ServiceFileConfig {
    /// The file's content; empty if none is named.
    ///
    /// # Errors
    /// The file cannot be read or does not say what it should.
    pub(crate) fn read(&self) -> anyhow::Result<ServiceFile> {
        match &self.service_config {
            Some(path) => ServiceFile::read(path),
            None => Ok(ServiceFile::default()),
        }
    }
}

/// API keys, rules for events and webhooks.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ServiceFile {
    /// `[[key]]`: who may ask the service.
    #[serde(default)]
    pub(crate) key: Vec<ApiKey>,
    /// `[[webhook]]`: who is told of jobs and batches that have ended.
    #[serde(default)]
    pub(crate) webhook: Vec<WebhookConfig>,
    /// `[[rule]]`: the documents that become jobs when an event tells of them.
    #[serde(default)]
    pub(crate) rule: Vec<EventRule>,
    /// `[[source]]`: the queues that events come from.
    #[serde(default)]
    pub(crate) source: Vec<EventSource>,
}

impl ServiceFile {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
        toml::from_str(&text).with_context(|| format!("{shown} is not as it should be"))
    }
}

/// Reads patterns of batches.
pub(super) fn patterns<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Pattern>, D::Error> {
    let pattern = |text: &String| {
        Pattern::new(text).map_err(|error| de::Error::custom(format!("{text}: {error}")))
    };
    Vec::<String>::deserialize(deserializer)?
        .iter()
        .map(pattern)
        .collect()
}
