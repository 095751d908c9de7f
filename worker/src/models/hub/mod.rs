//! A model's checkpoint: a folder, or a model of the Hugging Face hub, downloaded once into the cache that other
//! programs use too.
//!
//! What is in the cache is used without asking the hub. `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN` and
//! `HF_HUB_OFFLINE` mean what they mean elsewhere.

// From the hub into the cache.
mod download;
// One file of it.
mod file;
// Which files a checkpoint has.
mod files;

use std::{
    env,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::Context;
use hf_hub::{Cache, CacheRepo, Repo, RepoType};
use url::{Host, Url};

use super::ProgressReporter;

/// The hub's default address.
const ENDPOINT: &str = "https://huggingface.co";

/// The branch meant where no revision is given.
const MAIN: &str = "main";

/// Digits of a commit: SHA-1, by which Git names it.
const COMMIT_DIGITS: usize = 40;

/// The folder and name of a checkpoint, and where it comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The folder with its files.
    pub(crate) folder: PathBuf,
    /// Its name, if the folder's name is another.
    pub(crate) name: Option<String>,
    /// The commit of the hub that its files are of, if they come from there.
    pub(crate) revision: Option<String>,
}

/// Finds what `--got-model` names; a folder wins over a model of the hub.
///
/// # Errors
/// It is neither, or cannot be downloaded; then with what to put where to go on by hand.
pub(crate) fn checkpoint(model: &str, tell: ProgressReporter) -> anyhow::Result<Checkpoint> {
    let folder = Path::new(model);
    if folder.exists() {
        return Ok(Checkpoint {
            folder: folder.to_owned(),
            name: None,
            revision: None,
        });
    }
    let id: ModelId = model.parse().map_err(|()| {
        anyhow::anyhow!(
            "--got-model {model}: there is no such folder, and a model of the hub is written like stepfun-ai/GOT-OCR-2.0-hf"
        )
    })?;
    let hub = HubClient::new(|name| env::var(name).ok())?;
    let folder = hub.folder(&id, tell)?;
    Ok(Checkpoint {
        revision: commit(&folder),
        folder,
        name: Some(id.name),
    })
}

/// The commit that a folder of the hub's cache is of: the cache names it so.
fn commit(folder: &Path) -> Option<String> {
    let name = folder.file_name()?.to_str()?;
    let is_commit = name.len() == COMMIT_DIGITS && name.bytes().all(|b| b.is_ascii_hexdigit());
    is_commit.then(|| name.to_owned())
}

/// A model of the hub, and which state of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ModelId {
    /// `ORGANIZATION/NAME`.
    name: String,
    /// A branch, a tag or a commit.
    revision: String,
}

impl FromStr for ModelId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (name, revision) = text.split_once('@').unwrap_or((text, MAIN));
        let words: Vec<&str> = name.split('/').collect();
        let is_model = words.len() == 2 && words.into_iter().all(is_word);
        if !is_model || !revision.split('/').all(is_word) {
            return Err(());
        }
        Ok(Self {
            name: name.to_owned(),
            revision: revision.to_owned(),
        })
    }
}

/// Returns true if this is a harmless part of a path, as names of the hub are.
fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=200).contains(&text.len()) && !text.starts_with('.') && text.chars().all(plain)
}

/// The hub, and its cache on this machine.
#[derive(Clone, Debug)]
struct HubClient {
    endpoint: String,
    cache: Cache,
    token: Option<String>,
    /// Nothing is downloaded.
    offline: bool,
}

impl HubClient {
    /// As the variables say that `lookup` gives.
    fn new(lookup: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let usual = || {
            let caches = set("XDG_CACHE_HOME").map(PathBuf::from);
            let caches = caches.or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")));
            Some(caches?.join("huggingface"))
        };
        let home = set("HF_HOME").map(PathBuf::from).or_else(usual);
        let home = home.context("there is no HOME to find the hub's cache in; set HF_HOME")?;
        let of_home = Cache::new(home.join("hub"));
        let folder = set("HF_HUB_CACHE").or_else(|| set("HUGGINGFACE_HUB_CACHE"));
        let folder = folder.map_or_else(|| of_home.path().clone(), PathBuf::from);
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let offline = set("HF_HUB_OFFLINE").is_some_and(|value| {
            matches!(value.to_lowercase().as_str(), "1" | "true" | "yes" | "on")
        });
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            cache: Cache::new(std::path::absolute(folder)?),
            token: set("HF_TOKEN").or_else(|| of_home.token()),
            offline,
        })
    }

    /// The folder with the model's files, which are downloaded where they are not there yet.
    fn folder(&self, id: &ModelId, tell: ProgressReporter) -> anyhow::Result<PathBuf> {
        if let Some(folder) = self.cached(id) {
            return Ok(folder);
        }
        if self.offline {
            return Err(self.by_hand(id, &anyhow::anyhow!("HF_HUB_OFFLINE is set")));
        }
        if !self.endpoint.starts_with("https://") && !self.is_loopback() {
            let error = "HF_ENDPOINT must begin with https://, as only a hub on this machine may go without";
            return Err(self.by_hand(id, &anyhow::anyhow!(error)));
        }
        download::download(self, id, tell).map_err(|error| self.by_hand(id, &error))
    }

    /// Returns true for a hub on this machine.
    fn is_loopback(&self) -> bool {
        let host = Url::parse(&self.endpoint);
        host.is_ok_and(|url| match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        })
    }

    /// The folder with the model's files, if all are there.
    fn cached(&self, id: &ModelId) -> Option<PathBuf> {
        let repo = self.repo(id, &id.revision);
        let config = repo.get(files::CONFIG);
        let by_name = config.and_then(|file| Some(file.parent()?.to_owned()));
        let by_commit = repo.pointer_path(&id.revision);
        let folders = by_name.into_iter().chain([by_commit]);
        folders.into_iter().find(|folder| files::complete(folder))
    }

    fn repo(&self, id: &ModelId, revision: &str) -> CacheRepo {
        self.cache.repo(repo(id, revision))
    }

    /// The reason why there is no model, and the way for a person who cannot download here.
    fn by_hand(&self, id: &ModelId, error: &anyhow::Error) -> anyhow::Error {
        let mut why = String::new();
        for cause in error.chain().map(ToString::to_string) {
            // Some errors say their cause themselves.
            if !why.ends_with(&cause) {
                why = [why, cause]
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join(": ");
            }
        }
        anyhow::anyhow!(
            "cannot get {} from {}: {why}; check the name and, for a private model, HF_TOKEN; to go on by hand, put its {} into one folder and give that as --got-model",
            id.name,
            self.endpoint,
            files::WANTED
        )
    }
}

fn repo(id: &ModelId, revision: &str) -> Repo {
    Repo::with_revision(id.name.clone(), RepoType::Model, revision.to_owned())
}

#[cfg(test)]
mod tests;
