//! API keys: who asks, and what they may.
//!
//! A key is `recto_` and 43 characters of base64url, 256 random bits; the file has its SHA-256, which tells nobody the key.
//! A key sees and submits jobs of the batches that it names, and nothing says that others exist.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, StatusCode, header};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use glob::Pattern;
use recto_schemas::ByteSize;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{config::patterns, problem::Problem};
use crate::document::manifest::hex;

/// The beginning of every key, by which scanners for secrets know one.
const KEY_PREFIX: &str = "recto_";
/// Random bytes of a key.
const KEY_BYTES: usize = 32;
/// The cookie that a browser has its key in.
pub(super) const COOKIE: &str = "recto_key";

/// An action that a key may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scope {
    /// Look at jobs, batches and results.
    Read,
    /// Have documents read.
    Submit,
    /// Retry and cancel jobs.
    Manage,
    /// Send events of stores.
    Events,
}

impl Scope {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Manage => "manage",
            Self::Events => "events",
        }
    }
}

/// `[[key]]` of the service's file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ApiKey {
    /// Its name, in logs; the batch of documents that are submitted with it and name none.
    pub(crate) name: String,
    /// The key's SHA-256, 64 hexadecimal digits.
    sha256: String,
    /// The actions that it is for.
    scopes: Vec<Scope>,
    /// Batches that it may see and submit to, such as `letters-*`.
    #[serde(deserialize_with = "patterns")]
    batches: Vec<Pattern>,
    /// Maximum requests a minute; no limit if absent.
    requests_per_minute: Option<u32>,
    /// Maximum size of a document; the service's own if absent.
    max_document_size: Option<ByteSize>,
}

/// A new key and the lines of the service's file that let it in.
pub(crate) fn new_key(name: &str) -> (String, String) {
    let bytes: [u8; KEY_BYTES] = rand::random();
    let key = format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
    let sha256 = hex(&Sha256::digest(&key));
    // A text of JSON is one of TOML too.
    let name = serde_json::Value::from(name);
    let table = format!(
        "[[key]]\nname = {name}\nsha256 = \"{sha256}\"\nscopes = [\"read\", \"submit\"]\nbatches = [{name}]\n"
    );
    (key, table)
}

/// The keys of a service.
#[derive(Debug)]
pub(crate) struct ApiKeys {
    by_sha256: HashMap<String, ApiKey>,
    /// Requests that each key has left, and since when.
    buckets: Mutex<HashMap<String, (f64, Instant)>>,
}

/// Whoever asks.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// Somebody at this machine; the service has no keys.
    Local,
    /// The owner of a key.
    Key(Box<ApiKey>),
}

impl ApiKeys {
    /// Checks the keys of the service's file.
    ///
    /// # Errors
    /// Two have the same name or hash, or one makes no sense.
    pub(crate) fn new(keys: &[ApiKey]) -> anyhow::Result<Self> {
        let mut by_sha256 = HashMap::new();
        let mut names = Vec::new();
        for key in keys {
            let name = &key.name;
            anyhow::ensure!(
                !name.is_empty() && !names.contains(&name),
                "each [[key]] needs a `name` of its own; {name:?} is none"
            );
            names.push(name);
            let is_hash =
                key.sha256.len() == 64 && key.sha256.bytes().all(|b| b.is_ascii_hexdigit());
            anyhow::ensure!(
                is_hash,
                "key {name}: `sha256` is not 64 hexadecimal digits; `recto api-key {name}` makes a key"
            );
            anyhow::ensure!(
                key.requests_per_minute != Some(0),
                "key {name}: `requests-per-minute` is 0"
            );
            let before = by_sha256.insert(key.sha256.to_ascii_lowercase(), key.clone());
            anyhow::ensure!(before.is_none(), "key {name} is the same as another one");
        }
        Ok(Self {
            by_sha256,
            buckets: Mutex::default(),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_sha256.is_empty()
    }

    /// Whoever sends these headers.
    ///
    /// # Errors
    /// The service has keys, and no known one is in them; or it has asked too often.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        if self.by_sha256.is_empty() {
            return Ok(Caller::Local);
        }
        let unknown = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, detail);
        let given = given_key(headers)
            .ok_or_else(|| unknown("send a key: `Authorization: Bearer recto_…`"))?;
        // Looked up by its hash: how long that takes tells nothing of other keys.
        let key = self
            .by_sha256
            .get(&hex(&Sha256::digest(given)))
            .ok_or_else(|| unknown("this key is not known here"))?;
        self.take_one(key)?;
        Ok(Caller::Key(Box::new(key.clone())))
    }

    /// Takes one request from what the key has left: a minute's worth at most, filled evenly.
    fn take_one(&self, key: &ApiKey) -> Result<(), Problem> {
        let Some(limit) = key.requests_per_minute.map(f64::from) else {
            return Ok(());
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (left, since) = buckets.entry(key.name.clone()).or_insert((limit, now));
        let filled = now.duration_since(*since).as_secs_f64() * limit / 60.0;
        *left = (*left + filled).min(limit);
        *since = now;
        if *left < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - *left) * 60.0 / limit);
            return Err(Problem::too_many(wait.as_secs() + 1));
        }
        *left -= 1.0;
        Ok(())
    }
}

/// The key that is sent: as a bearer token, as the password of HTTP's basic scheme, which some stores send their events
/// with, or in a browser's cookie.
fn given_key(headers: &HeaderMap) -> Option<String> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
        let rest = rest.trim();
        return match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Some(rest.to_owned()),
            "basic" => {
                let decoded = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
                Some(decoded.split_once(':')?.1.to_owned())
            }
            _ => None,
        };
    }
    let cookies = headers.get_all(header::COOKIE).iter();
    let mut pairs = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned())
}

impl Caller {
    /// Checks that it may do this.
    ///
    /// # Errors
    /// Its key is not for that.
    pub(super) fn needs(&self, scope: Scope) -> Result<(), Problem> {
        match self {
            Self::Key(key) if !key.scopes.contains(&scope) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                format!(
                    "this key is not for that: its scopes lack `{}`",
                    scope.as_str()
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Returns true if it may.
    pub(super) fn may(&self, scope: Scope) -> bool {
        self.needs(scope).is_ok()
    }

    /// Returns true if it may know of the batch.
    pub(super) fn sees(&self, batch: &str) -> bool {
        match self {
            Self::Local => true,
            Self::Key(key) => key.batches.iter().any(|pattern| pattern.matches(batch)),
        }
    }

    /// Returns true if it may know of every batch.
    pub(super) fn sees_all(&self) -> bool {
        match self {
            Self::Local => true,
            Self::Key(key) => key.batches.iter().any(|pattern| pattern.as_str() == "*"),
        }
    }

    /// The batch of documents that it submits without naming one.
    pub(super) fn own_batch(&self) -> &str {
        match self {
            Self::Local => "local",
            Self::Key(key) => &key.name,
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.own_batch()
    }

    /// Maximum size of a document of it, in bytes.
    pub(super) fn document_limit(&self, of_service: u64) -> u64 {
        match self {
            Self::Local => of_service,
            Self::Key(key) => key
                .max_document_size
                .as_ref()
                .map_or(of_service, |size| size.bytes().min(of_service)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> anyhow::Result<ApiKeys> {
        #[derive(Deserialize)]
        struct KeyFile {
            key: Vec<ApiKey>,
        }
        ApiKeys::new(&toml::from_str::<KeyFile>(text)?.key)
    }

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_new_key_is_let_in_by_its_table_and_no_other_is() {
        let (key, table) = new_key("letters");
        assert_eq!(key.len(), KEY_PREFIX.len() + 43);
        let keys = keys(&table).unwrap();
        let asked = |headers: HeaderMap| keys.caller(&headers);
        let caller = asked(headers(header::AUTHORIZATION, &format!("Bearer {key}"))).unwrap();
        assert!(caller.may(Scope::Read) && caller.may(Scope::Submit) && !caller.may(Scope::Manage));
        assert!(caller.sees("letters") && !caller.sees("other"));
        assert!(asked(headers(header::COOKIE, &format!("a=b; {COOKIE}={key}"))).is_ok());
        for wrong in [
            "",
            "Bearer",
            "Bearer x",
            "Basic !",
            &format!("Bearer {key}x"),
        ] {
            let status = asked(headers(header::AUTHORIZATION, wrong))
                .unwrap_err()
                .status;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{wrong}");
        }
        assert!(asked(HeaderMap::new()).is_err());
        assert!(
            super::ApiKeys::new(&[])
                .unwrap()
                .caller(&HeaderMap::new())
                .is_ok()
        );
    }

    #[test]
    fn a_store_may_send_its_key_as_a_password() {
        let sha256 = hex(&Sha256::digest("öpen sesame"));
        let keys = keys(&format!(
            "[[key]]\nname = 'store'\nsha256 = '{sha256}'\nscopes = ['events']\nbatches = ['*']\nrequests-per-minute = 2"
        ))
        .unwrap();
        // `anyone:öpen sesame`
        let basic = headers(header::AUTHORIZATION, "Basic YW55b25lOsO2cGVuIHNlc2FtZQ==");
        assert!(keys.caller(&basic).is_ok());
        assert!(keys.caller(&basic).is_ok());
        let refused = keys.caller(&basic).unwrap_err();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    }

    #[test]
    fn keys_that_make_no_sense_are_said() {
        for (text, said) in [
            (
                "[[key]]\nname = 'a'\nsha256 = 'x'\nscopes = []\nbatches = []",
                "recto api-key a",
            ),
            (
                "[[key]]\nname = 'a'\nsha256 = 'x'\nscopes = ['root']\nbatches = []",
                "root",
            ),
            ("[[key]]\nname = 'a'\nsha256 = 'x'\nscopes = []", "batches"),
        ] {
            let error = format!("{:#}", keys(text).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
    }
}
