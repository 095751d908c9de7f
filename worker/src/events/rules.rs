//! [`Rules`]: which documents become which jobs. The first rule that matches a document is its rule.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, bail, ensure};
use recto_schemas::{ByteSize, Job, JobSource, Options, options::EngineOptions};
use serde_json::{Map, Value};

use super::config::EventRule;
use crate::{
    commands::args::word,
    document::media_type::is_document,
    job::{bounds, identity::id_in_batch, parse},
    os::clock,
    store::{ObjectMetadata, StoreUri},
};

/// Endings of files that are still being written: of downloads, copies and editors.
const TEMPORARY_ENDINGS: [&str; 5] = [".part", ".partial", ".crdownload", ".tmp", "~"];

/// The rules of a service, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(Vec<Rule>);

/// A rule that makes sense.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(super) name: String,
    /// Beginning of the documents' URIs: a bucket with the beginning of a key, or a folder.
    pub(super) documents: StoreUri,
    /// Endings in lower case; those of documents if empty.
    suffix: Vec<String>,
    min_bytes: u64,
    max_bytes: u64,
    /// Prefix of the results, without a slash at the end.
    results: StoreUri,
    /// A job without document and id.
    template: Job,
}

/// The word of the rules on a document.
#[derive(Clone, Copy, Debug)]
pub(super) enum RuleMatch<'a> {
    /// It is one of this rule's.
    Matches(&'a Rule),
    /// It lies where a rule's results go.
    Result,
    /// No rule is for it.
    None,
}

impl Rules {
    /// Checks the rules of the service's file. Folders must be below `file_root`.
    ///
    /// # Errors
    /// One makes no sense, or two do not go together; the error names the rule.
    pub(crate) fn new(rules: &[EventRule], file_root: Option<&Path>) -> anyhow::Result<Self> {
        let mut names = BTreeSet::new();
        let mut checked = Vec::new();
        for rule in rules {
            let name = &rule.name;
            let rule = Rule::new(rule, file_root).with_context(|| format!("the rule {name:?}"))?;
            ensure!(
                names.insert(name.clone()),
                "two rules are called {name:?}; give each a name of its own"
            );
            checked.push(rule);
        }
        for rule in &checked {
            let above = checked
                .iter()
                .find(|other| bounds::is_below(&rule.documents, &other.results));
            if let Some(other) = above {
                bail!(
                    "the rule {:?}: its documents are below {}, where results of the rule {:?} go, and would be taken for \
                     results; name another `output`",
                    rule.name,
                    other.results,
                    other.name
                );
            }
        }
        Ok(Self(checked))
    }

    /// Their names, in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|rule| rule.name.as_str())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// The rule of this name.
    pub(super) fn named(&self, name: &str) -> Option<&Rule> {
        self.iter().find(|rule| rule.name == name)
    }

    /// The word on a document.
    pub(super) fn of(&self, at: &StoreUri) -> RuleMatch<'_> {
        if self.iter().any(|rule| bounds::is_below(at, &rule.results)) {
            return RuleMatch::Result;
        }
        match self.iter().find(|rule| rule.takes(at)) {
            Some(rule) => RuleMatch::Matches(rule),
            None => RuleMatch::None,
        }
    }
}

impl Rule {
    fn new(rule: &EventRule, file_root: Option<&Path>) -> anyhow::Result<Self> {
        word(&rule.name).map_err(|error| anyhow::anyhow!("`name`: {error}"))?;
        let output =
            bounds::prefix(&rule.output).map_err(|error| anyhow::anyhow!("`output`: {error}"))?;
        let suffix = rule.suffix.iter().flatten();
        let suffix: Vec<_> = suffix.map(|ending| ending.to_lowercase()).collect();
        ensure!(
            rule.suffix.is_none()
                || (!suffix.is_empty() && suffix.iter().all(|ending| !ending.is_empty())),
            "`suffix`: write endings, such as [\".pdf\", \".tif\"], or leave it out"
        );
        let size = |size: Option<ByteSize>| size.map(ByteSize::bytes);
        let (min_bytes, max_bytes) = (
            size(rule.min_size).unwrap_or(1),
            size(rule.max_size).unwrap_or(u64::MAX),
        );
        ensure!(
            min_bytes <= max_bytes,
            "`min-size` is above `max-size`; no document has such a size"
        );
        ensure!(
            rule.priority.is_none_or(|priority| priority <= 9),
            "`priority`: 0 to 9"
        );
        let template = Job {
            schema: Job::SCHEMA.to_owned(),
            id: String::new(),
            source: JobSource::default(),
            output: output.to_string(),
            options: options(rule)?,
            engine: rule.engine.map(|engine| engine.to_string()),
            password: None,
            batch: Some(rule.batch.clone().unwrap_or_else(|| rule.name.clone())),
            labels: rule.labels.clone(),
            traceparent: None,
            submitted_at: None,
            priority: rule.priority,
            force: false,
            pages: None,
        };
        let checked = Self {
            name: rule.name.clone(),
            documents: documents(rule, file_root)?,
            suffix,
            min_bytes,
            max_bytes,
            results: without_slash(&output),
            template,
        };
        checked.check_job()?;
        Ok(checked)
    }

    /// Checks that workers take its jobs, by one for a document that is not there.
    fn check_job(&self) -> anyhow::Result<()> {
        let job = self.job(&self.documents, &ObjectMetadata::default());
        let body = serde_json::to_vec(&job)?;
        match parse::parse_job(&body) {
            Ok(_) => Ok(()),
            Err(failure) => bail!("no worker would take its jobs: {failure}"),
        }
    }

    /// Returns true if a document is one of the rule's by its name.
    pub(super) fn takes(&self, at: &StoreUri) -> bool {
        let (below, is_file) = match (&self.documents, at) {
            (
                StoreUri::S3 { bucket, key },
                StoreUri::S3 {
                    bucket: of,
                    key: at,
                },
            ) if bucket == of => (at.strip_prefix(key.as_str()), false),
            (StoreUri::File { path }, StoreUri::File { path: at }) => {
                let below = at.strip_prefix(path.as_str());
                (below.and_then(|below| below.strip_prefix('/')), true)
            }
            _ => return false,
        };
        // What a prefix cuts off of a name is looked at too.
        let Some(below) = below.filter(|_| !at.is_folder()) else {
            return false;
        };
        let is_hidden = below
            .split('/')
            .chain([at.name()])
            .any(|part| part.starts_with('.'));
        let name = at.name().to_lowercase();
        let is_temporary = TEMPORARY_ENDINGS
            .iter()
            .any(|ending| name.ends_with(ending));
        let is_wanted = match self.suffix.is_empty() {
            true => is_document(Path::new(&name)),
            false => self
                .suffix
                .iter()
                .any(|ending| name.ends_with(ending.as_str())),
        };
        is_wanted && !is_hidden && !(is_file && is_temporary)
    }

    /// Returns true if a document of this size is one of the rule's.
    pub(super) fn takes_size(&self, bytes: u64) -> bool {
        (self.min_bytes..=self.max_bytes).contains(&bytes)
    }

    /// The job for the document as it was found. The same document and rule give the same id: its ETag tells documents
    /// apart, and its version where there is no ETag, since a listing has no versions.
    pub(super) fn job(&self, at: &StoreUri, found: &ObjectMetadata) -> Job {
        let mut job = Job {
            source: JobSource {
                uri: at.to_string(),
                version_id: found.version_id.clone().filter(|_| found.etag.is_none()),
                etag: found.etag.clone(),
            },
            ..self.template.clone()
        };
        job.id = id_in_batch(&job).to_string();
        job.source.version_id.clone_from(&found.version_id);
        job.submitted_at = Some(clock::now());
        job
    }
}

fn without_slash(at: &StoreUri) -> StoreUri {
    let mut folder = at.clone();
    let (StoreUri::S3 { key: path, .. } | StoreUri::File { path }) = &mut folder;
    path.truncate(path.trim_end_matches('/').len());
    folder
}

/// The beginning of the documents' URIs.
fn documents(rule: &EventRule, file_root: Option<&Path>) -> anyhow::Result<StoreUri> {
    match (&rule.bucket, &rule.folder) {
        (Some(bucket), None) => {
            let bucket: StoreUri = format!("s3://{bucket}")
                .parse()
                .context("`bucket`: not the name of a bucket")?;
            let key = rule.prefix.clone().unwrap_or_default();
            match &bucket {
                StoreUri::S3 {
                    bucket: name,
                    key: rest,
                } if rest.is_empty() => Ok(StoreUri::S3 {
                    bucket: name.clone(),
                    key,
                }),
                _ => bail!("`bucket`: write the name alone, and the beginning of keys as `prefix`"),
            }
        }
        (None, Some(folder)) => {
            ensure!(
                rule.prefix.is_none(),
                "`prefix` belongs to a `bucket`; name the folder itself as `folder`"
            );
            let shown = folder.display();
            let Some(root) = file_root else {
                bail!(
                    "`folder`: files of this machine are refused; allow {shown} with --file-root"
                );
            };
            let root =
                fs::canonicalize(root).context("--file-root: not a folder that can be used")?;
            let real = fs::canonicalize(folder)
                .with_context(|| format!("`folder`: {shown} cannot be used; make it"))?;
            ensure!(real.is_dir(), "`folder`: {shown} is no folder");
            ensure!(
                real.starts_with(&root),
                "`folder`: {shown} is outside of {}, which --file-root allows",
                root.display()
            );
            match real.to_str() {
                Some(path) => Ok(StoreUri::File {
                    path: path.to_owned(),
                }),
                None => bail!("`folder`: the path is not UTF-8; rename it"),
            }
        }
        _ => bail!("write either `bucket`, such as \"scans\", or `folder`, such as \"/srv/inbox\""),
    }
}

/// The options of the rule's jobs. A member that there is none of is an error: it would be ignored in silence.
fn options(rule: &EventRule) -> anyhow::Result<Options> {
    let given = Value::Object(rule.options.clone());
    let options: Options = serde_json::from_value(given).context("`options`")?;
    let of_got = EngineOptions {
        got: options.got.clone().unwrap_or_default(),
    };
    let options = options.for_engine(rule.engine, &of_got);
    let known = serde_json::to_value(&options)?;
    if let Some(name) = known
        .as_object()
        .and_then(|known| unknown(&rule.options, known))
    {
        bail!("`options`: there is no {name:?}; `recto schema options` prints all that there are");
    }
    Ok(options)
}

fn unknown(given: &Map<String, Value>, known: &Map<String, Value>) -> Option<String> {
    given
        .iter()
        .find_map(|(name, value)| match (value, known.get(name)) {
            (_, None) => Some(name.clone()),
            (Value::Object(given), Some(Value::Object(known))) => unknown(given, known),
            _ => None,
        })
}

#[cfg(test)]
pub(super) mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct File {
        rule: Vec<EventRule>,
    }

    pub(in crate::events) fn rules(text: &str, root: Option<&Path>) -> Result<Rules, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        Rules::new(&file.rule, root).map_err(|error| format!("{error:#}"))
    }

    const TWO: &str = r#"
        [[rule]]
        name = "letters"
        bucket = "scans"
        prefix = "letters/"
        suffix = [".tif"]
        output = "s3://scans/letters/text/"

        [[rule]]
        name = "all"
        bucket = "scans"
        output = "s3://texts/all"
        batch = "1911"
        engine = "ppocr"
        options = { dpi = 300, limits = { max_pages = 5 } }
        labels = { from = "scanner" }
        max-size = "1MB"
    "#;

    fn verdict(rules: &Rules, uri: &str) -> String {
        match rules.of(&uri.parse().unwrap()) {
            RuleMatch::Matches(rule) => rule.name.clone(),
            RuleMatch::Result => "result".to_owned(),
            RuleMatch::None => "none".to_owned(),
        }
    }

    #[test]
    fn the_first_rule_that_matches_is_a_documents_rule() {
        let rules = rules(TWO, None).unwrap();
        for (uri, wanted) in [
            ("s3://scans/letters/1.tif", "letters"),
            ("s3://scans/letters/1.TIF", "letters"),
            ("s3://scans/letters/1.pdf", "all"),
            ("s3://scans/other/a b+c.PDF", "all"),
            ("s3://scans/notes.txt", "none"),
            ("s3://scans/a/.hidden/1.pdf", "none"),
            ("s3://scans/a/", "none"),
            ("s3://other/a.pdf", "none"),
            (
                "s3://scans/letters/text/1.tif/0a/document.pages/1.webp",
                "result",
            ),
            ("s3://scans/letters/textile.tif", "letters"),
            ("s3://texts/all/1.pdf/document.1a.pages/0001.webp", "result"),
        ] {
            assert_eq!(verdict(&rules, uri), wanted, "{uri}");
        }
    }

    #[test]
    fn the_same_document_is_the_same_job_and_another_version_another() {
        let rules = rules(TWO, None).unwrap();
        let rule = rules.named("all").unwrap();
        let at: StoreUri = "s3://scans/a.pdf".parse().unwrap();
        let found = |etag: &str, version: Option<&str>| ObjectMetadata {
            bytes: 9,
            version_id: version.map(str::to_owned),
            etag: Some(etag.to_owned()),
        };
        let job = rule.job(&at, &found("\"1\"", Some("v1")));
        assert_eq!(job.batch.as_deref(), Some("1911"));
        assert_eq!(job.source.version_id.as_deref(), Some("v1"));
        assert_eq!(serde_json::json!(job.options.dpi), 300);
        // A listing has no versions, and finds the same job.
        assert_eq!(job.id, rule.job(&at, &found("\"1\"", None)).id);
        assert_ne!(job.id, rule.job(&at, &found("\"2\"", Some("v1"))).id);
        let other = rules.named("letters").unwrap();
        assert_ne!(job.id, other.job(&at, &found("\"1\"", None)).id);
        assert!(rule.takes_size(1_000_000) && !rule.takes_size(1_000_001) && !rule.takes_size(0));
    }

    #[test]
    fn files_are_taken_below_the_folder_but_not_while_they_have_a_temporary_name() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = folder.path().join("in");
        fs::create_dir(&inbox).unwrap();
        let text = format!(
            "[[rule]]\nname = \"in\"\nfolder = {inbox:?}\nsuffix = [\".pdf\", \".part\", \"~\"]\noutput = \"file://{}/out\"",
            folder.path().display()
        );
        let rules = rules(&text, Some(folder.path())).unwrap();
        let real = fs::canonicalize(&inbox).unwrap();
        for (name, wanted) in [
            ("a.pdf", "in"),
            ("b/Ü 1.pdf", "in"),
            ("a.pdf.part", "none"),
            ("a.pdf~", "none"),
            (".a.pdf", "none"),
        ] {
            let at = StoreUri::File {
                path: format!("{}/{name}", real.display()),
            };
            let found = match rules.of(&at) {
                RuleMatch::Matches(rule) => rule.name.as_str(),
                _ => "none",
            };
            assert_eq!(found, wanted, "{name}");
        }
    }

    #[test]
    fn errors_name_the_rule_and_say_what_to_do() {
        let rule = |members: &str| format!("[[rule]]\nname = \"r\"\n{members}");
        let bucket = "bucket = \"b\"\noutput = \"s3://o/t\"\n";
        for (text, wanted) in [
            (rule("output = \"s3://o/t\""), "either `bucket`"),
            (rule("bucket = \"b/c\"\noutput = \"s3://o/t\""), "`prefix`"),
            (rule("bucket = \"b\"\noutput = \"o/t\""), "`output`"),
            (
                rule("bucket = \"b\"\nprefix = \"in/\"\noutput = \"s3://b/in\""),
                "name another `output`",
            ),
            (rule(&format!("{bucket}suffix = []")), "`suffix`"),
            (
                rule(&format!("{bucket}min-size = \"2MB\"\nmax-size = \"1MB\"")),
                "`min-size`",
            ),
            (
                rule(&format!("{bucket}options = {{ dpy = 300 }}")),
                "\"dpy\"",
            ),
            (
                rule(&format!("{bucket}options = {{ dpi = 3 }}")),
                "`options`",
            ),
            (rule(&format!("{bucket}priority = 12")), "`priority`"),
            (
                rule("folder = \"/srv/inbox\"\noutput = \"s3://o/t\""),
                "--file-root",
            ),
            (rule(bucket) + &rule(bucket), "a name of its own"),
        ] {
            let error = rules(&text, None).unwrap_err();
            assert!(
                error.contains(wanted) && error.contains("\"r\""),
                "{text}: {error}"
            );
        }
    }
}
