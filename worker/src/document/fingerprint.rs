//! [`Fingerprint`]: what makes a result the result of its document and options.
//!
//! Two jobs with the same fingerprint have the same Markdown, so the second one needs no reading.

use hmac::{Hmac, KeyInit as _, Mac as _};
use recto_schemas::{DocumentPassword, Options, PIPELINE_REVISION, ResultSource, SourceInfo};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::manifest::hex;

/// Rounds of the password's hash: some milliseconds of work for each guess of who sees a fingerprint and knows all
/// else that it is made of.
const PASSWORD_ROUNDS: u32 = 10_000;

/// SHA-256 of what decides a result, 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of reading `source` with `options` by an engine whose model has that SHA-256.
    ///
    /// The version decides if there is one, else the `ETag`. Of the limits, only those that change what
    /// is read count; those on time and memory decide no more than whether reading fails.
    ///
    /// The `password` counts, so that nobody is told where the result of an encrypted document is who has not given the
    /// password that opened it.
    pub(crate) fn new(
        source: &ResultSource,
        options: &Options,
        model_sha256: &str,
        password: Option<&DocumentPassword>,
    ) -> Self {
        let version = match (&source.version_id, &source.etag) {
            (Some(version), _) => json!({ "version_id": version }),
            (None, etag) => json!({ "etag": etag }),
        };
        // Only what differs from the defaults, so that a new option that is at its default changes no fingerprint.
        let decided = json!(options.deciding());
        let defaults = json!(Options::defaults_of(options.engine));
        // `Value` keeps the members of objects in the order of their names, so this text is canonical.
        let mut members = json!({
            "uri": source.uri,
            "version": version,
            "engine": options.engine,
            "model_sha256": model_sha256,
            "options": difference(&decided, &defaults),
            "pipeline_revision": PIPELINE_REVISION,
        });
        if let Some(password) = password {
            let salt = json!({ "uri": source.uri, "version": members["version"] }).to_string();
            members["password"] = json!(hex(&password_hash(password, salt.as_bytes())));
        }
        Self(hex(&Sha256::digest(members.to_string().as_bytes())))
    }

    /// The fingerprint of a document that `recto convert` reads: an object as a job would have it, a file by its content,
    /// wherever it is. `None` if it could not be read.
    pub(crate) fn of_document(
        source: &SourceInfo,
        options: &Options,
        model_sha256: &str,
        password: Option<&DocumentPassword>,
    ) -> Option<Self> {
        let is_object = source.uri.starts_with("s3://") && source.etag.is_some();
        let source = match is_object {
            true => ResultSource {
                uri: source.uri.clone(),
                version_id: source.version_id.clone(),
                etag: source.etag.clone(),
                bytes: None,
            },
            false => ResultSource {
                etag: Some(source.sha256.clone()?),
                ..ResultSource::default()
            },
        };
        Some(Self::new(&source, options, model_sha256, password))
    }

    /// All 64 digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder of the result: the first 16 digits.
    pub(crate) fn folder(&self) -> &str {
        &self.0[..16]
    }
}

/// The first block of PBKDF2 with HMAC-SHA-256 (RFC 8018, section 5.2).
fn password_hash(password: &DocumentPassword, salt: &[u8]) -> [u8; 32] {
    let keyed = Hmac::<Sha256>::new_from_slice(password.reveal().as_bytes())
        .expect("HMAC takes keys of any length");
    let hash = |text: &[u8]| -> [u8; 32] {
        keyed
            .clone()
            .chain_update(text)
            .finalize()
            .into_bytes()
            .into()
    };
    let mut round = hash(&[salt, &1_u32.to_be_bytes()].concat());
    let mut block = round;
    for _ in 1..PASSWORD_ROUNDS {
        round = hash(&round);
        for (byte, more) in block.iter_mut().zip(round) {
            *byte ^= more;
        }
    }
    block
}

/// The members of `value` that are not in `default` or differ there, objects member by member.
fn difference(value: &Value, default: &Value) -> Value {
    let (Value::Object(members), Value::Object(defaults)) = (value, default) else {
        return value.clone();
    };
    let changed = members
        .iter()
        .filter_map(|(name, value)| match defaults.get(name) {
            Some(default) if default == value => None,
            Some(default) => Some((name.clone(), difference(value, default))),
            None => Some((name.clone(), value.clone())),
        });
    Value::Object(changed.collect())
}

#[cfg(test)]
mod tests {
    use recto_schemas::{
        DocumentLimits, Dtype, EngineName, FallbackReader, GotMode, GotOptions, GotRuntime,
        LayoutModelInfo, ScriptFallback,
    };

    use super::*;

    fn source(etag: &str) -> ResultSource {
        ResultSource {
            uri: "s3://archive/a.pdf".to_owned(),
            etag: Some(etag.to_owned()),
            ..ResultSource::default()
        }
    }

    #[test]
    fn what_changes_the_markdown_changes_the_fingerprint_and_nothing_else_does() {
        let options = Options::default();
        let base = Fingerprint::new(&source("1"), &options, "m", None);
        let with = |options: Options| Fingerprint::new(&source("1"), &options, "m", None);
        let limited = |limits: DocumentLimits| {
            with(Options {
                limits,
                ..Options::default()
            })
        };

        assert_ne!(base, Fingerprint::new(&source("2"), &options, "m", None));
        assert_ne!(
            base,
            Fingerprint::new(&source("1"), &options, "other", None)
        );
        let no_markers = Options {
            page_markers: false,
            ..Options::default()
        };
        assert_ne!(base, with(no_markers));
        let few_pages = DocumentLimits {
            max_pages: 3.try_into().unwrap(),
            ..DocumentLimits::default()
        };
        assert_ne!(base, limited(few_pages));

        let patient = DocumentLimits {
            page_timeout: "99s".parse().unwrap(),
            read_timeout: "99s".parse().unwrap(),
            document_timeout: "99s".parse().unwrap(),
            rasterizer_memory: "99MiB".parse().unwrap(),
            max_document_size: "99B".parse().unwrap(),
            ..DocumentLimits::default()
        };
        assert_eq!(base, limited(patient));
    }

    fn of_got(got: GotOptions) -> Fingerprint {
        let options = Options {
            engine: EngineName::Got,
            got: Some(got),
            ..Options::default()
        };
        Fingerprint::new(&source("1"), &options, "m", None)
    }

    #[test]
    fn of_gots_options_those_that_change_the_text_count() {
        let plain = GotOptions {
            mode: GotMode::Plain,
            ..GotOptions::default()
        };
        let on = |dtype: Dtype, device: &str, batch: u32| GotOptions {
            runtime: GotRuntime {
                dtype: Some(dtype),
                device: Some(device.parse().unwrap()),
                ..GotRuntime::default()
            },
            batch_size: Some(batch.try_into().unwrap()),
            ..GotOptions::default()
        };
        assert_ne!(of_got(GotOptions::default()), of_got(plain));
        assert_eq!(
            of_got(on(Dtype::F32, "cpu", 1)),
            of_got(on(Dtype::F32, "cuda:0", 64))
        );
        assert_ne!(
            of_got(on(Dtype::F32, "cpu", 1)),
            of_got(on(Dtype::Q8, "cpu", 1))
        );
    }

    #[test]
    fn the_second_reader_counts_with_its_version_and_languages() {
        let with = |version: &str, language: &str| {
            let options = Options {
                script_fallback: Some(ScriptFallback::Tesseract),
                fallback_reader: Some(FallbackReader {
                    name: "tesseract".to_owned(),
                    version: version.to_owned(),
                    languages: vec![language.to_owned()],
                    data_sha256: None,
                }),
                ..Options::default()
            };
            Fingerprint::new(&source("1"), &options, "m", None)
        };
        let base = with("5.3.0", "rus");
        assert_eq!(base, with("5.3.0", "rus"));
        for other in [
            Fingerprint::new(&source("1"), &Options::default(), "m", None),
            with("5.4.1", "rus"),
            with("5.3.0", "ukr"),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn the_layout_model_counts() {
        let with = |sha256: &str| {
            let options = Options {
                layout_model: Some(LayoutModelInfo {
                    name: "a".to_owned(),
                    sha256: sha256.to_owned(),
                }),
                ..Options::default()
            };
            Fingerprint::new(&source("1"), &options, "m", None)
        };
        let without = Fingerprint::new(&source("1"), &Options::default(), "m", None);
        assert_eq!(with("1"), with("1"));
        assert_ne!(with("1"), with("2"));
        assert_ne!(with("1"), without);
    }

    /// An option that is added with a default changes none of these, so that results stored by earlier versions are
    /// found again.
    #[test]
    fn the_fingerprint_of_each_engines_defaults_stays_what_it_was() {
        for (engine, pinned) in [
            (
                EngineName::Ppocr,
                "5db071c15ee11285a50be238ac312177be1c446651cb288b04f8860c060137bf",
            ),
            (
                EngineName::Got,
                "b4667939026f0bb9c44831c6651975be5c938f5472520166c24bef5e34dd41e9",
            ),
        ] {
            let options = Options::defaults_of(engine);
            let fingerprint = Fingerprint::new(&source("1"), &options, "m", None);
            assert_eq!(fingerprint.as_str(), pinned, "{engine}");
        }
        let asked = Options {
            html: true,
            dpi: Some(200.try_into().unwrap()),
            limits: DocumentLimits {
                max_pages: 3.try_into().unwrap(),
                ..DocumentLimits::default()
            },
            ..Options::default()
        };
        let fingerprint = Fingerprint::new(&source("1"), &asked, "m", None);
        assert_eq!(
            fingerprint.as_str(),
            "8a4cd440e7f22eacbfb871b4fe86dbc5ae4a5d8617eca62bd6b595215b23fd9d"
        );
    }

    #[test]
    fn a_password_counts_and_is_not_told() {
        let options = Options::default();
        let with = |password: &str, etag: &str| {
            let password = DocumentPassword::new(password.to_owned());
            Fingerprint::new(&source(etag), &options, "m", Some(&password))
        };
        let without = Fingerprint::new(&source("1"), &options, "m", None);
        assert_eq!(with("archive", "1"), with("archive", "1"));
        assert_ne!(with("archive", "1"), with("Archive", "1"));
        assert_ne!(with("archive", "1"), without);
        assert_ne!(with("", "1"), without);
    }

    /// The value is that of Python's `hashlib.pbkdf2_hmac`.
    #[test]
    fn the_hash_of_a_password_is_pbkdf2() {
        let password = DocumentPassword::new("password".to_owned());
        assert_eq!(
            hex(&password_hash(&password, b"salt")),
            "5ec02b91a4b59c6f59dd5fbe4ca649ece4fa8568cdb8ba36cf41426e8805522b"
        );
    }

    #[test]
    fn a_version_counts_more_than_an_etag() {
        let versioned = |etag: &str| ResultSource {
            version_id: Some("v7".to_owned()),
            ..source(etag)
        };
        let of = |source: &ResultSource| Fingerprint::new(source, &Options::default(), "m", None);
        assert_eq!(of(&versioned("1")), of(&versioned("2")));
        assert_ne!(of(&versioned("1")), of(&source("1")));
    }
}
