//! URIs of objects: `s3://bucket/key` or `file:///absolute/path`.
//!
//! An S3 key is the raw text after the bucket: spaces, `#`, `?`, `%` and any other character mean
//! themselves. A `file:` URI is percent-encoded as usual.

use std::{
    fmt::{self, Write as _},
    str::FromStr,
};

use sha2::{Digest, Sha256};
use thiserror::Error;

/// Longest segment of a source folder, in bytes: file systems take 255, and a few are left for endings.
const MAX_SEGMENT_BYTES: usize = 200;

/// Longest source folder, in bytes: an S3 key may have 1024, and prefix, fingerprint and name are added.
const MAX_FOLDER_BYTES: usize = 600;

/// Longest S3 key, in bytes (Amazon S3 User Guide, "Naming Amazon S3 objects").
const MAX_KEY_BYTES: usize = 1024;

/// Longest name of a bucket, in bytes: 63, and 255 for the oldest of AWS.
const MAX_BUCKET_BYTES: usize = 255;

/// An object of a store, or a prefix that objects are below.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum StoreUri {
    /// In a bucket. The key is empty if the whole bucket is meant.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// The key, as it is, without a slash in front.
        key: String,
    },
    /// In the file system of the process.
    File {
        /// The absolute path, without `.` or `..` in it.
        path: String,
    },
}

/// A text is not the URI of an object.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum StoreUriError {
    /// Neither of the two schemes.
    #[error("not an object's URI; write s3://bucket/key or file:///absolute/path")]
    Scheme,
    /// No bucket, or one with characters that no bucket has.
    #[error("not a bucket's name: {0:?}; write s3://bucket/key, without user or port")]
    Bucket(String),
    /// A `file:` URI with a host or a relative path.
    #[error("not an absolute path; write file:///absolute/path, with three slashes")]
    NotAbsolute,
    /// A `%` without two digits, or bytes that are no UTF-8.
    #[error("not rightly percent-encoded; write % as %25 in a file URI")]
    Encoding,
    /// Segments that would lead elsewhere, or nowhere.
    #[error("{0:?} in the path; write it without `.`, `..` and empty parts")]
    Segment(String),
    /// A key that S3 does not take.
    #[error("the key has {bytes} bytes; S3 takes {MAX_KEY_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A NUL character.
    #[error("a NUL character in it")]
    Nul,
}

impl StoreUri {
    /// The URI `below` this one, which is taken as a folder. It is never outside: `below` is parts
    /// with a slash between them, none empty, `.` or `..`.
    ///
    /// # Errors
    /// `below` is anything else.
    pub(crate) fn join(&self, below: &str) -> Result<Self, StoreUriError> {
        for segment in below.split('/') {
            if matches!(segment, "" | "." | "..") {
                return Err(StoreUriError::Segment(segment.to_owned()));
            }
        }
        if below.contains('\0') {
            return Err(StoreUriError::Nul);
        }
        let joined = |folder: &str| match folder.strip_suffix('/') {
            Some(folder) => format!("{folder}/{below}"),
            None if folder.is_empty() => below.to_owned(),
            None => format!("{folder}/{below}"),
        };
        Ok(match self {
            Self::S3 { bucket, key } => Self::S3 {
                bucket: bucket.clone(),
                key: checked_key(joined(key))?,
            },
            Self::File { path } => Self::File { path: joined(path) },
        })
    }

    /// The bucket that it is in, or the root of the file system.
    pub(crate) fn root(&self) -> Self {
        match self {
            Self::S3 { bucket, .. } => Self::S3 {
                bucket: bucket.clone(),
                key: String::new(),
            },
            Self::File { .. } => Self::File {
                path: "/".to_owned(),
            },
        }
    }

    /// The same as a folder: with a slash at the end, so that a listing finds what is in it and nothing beside it.
    pub(crate) fn as_folder(&self) -> Self {
        match self {
            Self::S3 { bucket, key } if !key.is_empty() && !key.ends_with('/') => Self::S3 {
                bucket: bucket.clone(),
                key: format!("{key}/"),
            },
            other => other.clone(),
        }
    }

    /// The folder that it is in, if its name is this one.
    pub(crate) fn parent_of(&self, name: &str) -> Option<Self> {
        let above = |path: &str| Some(path.strip_suffix(name)?.strip_suffix('/')?.to_owned());
        Some(match self {
            Self::S3 { bucket, key } => Self::S3 {
                bucket: bucket.clone(),
                key: above(key)?,
            },
            Self::File { path } => Self::File { path: above(path)? },
        })
    }

    /// The last part of the path, which is the object's name for a person.
    pub(crate) fn name(&self) -> &str {
        let whole = match self {
            Self::S3 { key, .. } => key,
            Self::File { path } => path,
        };
        whole.rsplit('/').next().unwrap_or_default()
    }

    /// The folder that it is in, with a slash at the end; the bucket if there is no slash.
    pub(crate) fn folder(&self) -> Self {
        let upper = |path: &str| path[..path.len() - self.name().len()].to_owned();
        match self {
            Self::S3 { bucket, key } => Self::S3 {
                bucket: bucket.clone(),
                key: upper(key),
            },
            Self::File { path } => Self::File { path: upper(path) },
        }
    }

    /// Returns true if it is written as a folder: with a slash at the end, or as a bucket alone.
    pub(crate) fn is_folder(&self) -> bool {
        self.name().is_empty()
    }
}

impl FromStr for StoreUri {
    type Err = StoreUriError;

    fn from_str(text: &str) -> Result<Self, StoreUriError> {
        let (scheme, rest) = text.split_once("://").ok_or(StoreUriError::Scheme)?;
        if rest.contains('\0') {
            return Err(StoreUriError::Nul);
        }
        match scheme {
            "s3" => s3(rest),
            "file" => file(rest),
            _ => Err(StoreUriError::Scheme),
        }
    }
}

fn s3(rest: &str) -> Result<StoreUri, StoreUriError> {
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    let known = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    if bucket.is_empty() || bucket.len() > MAX_BUCKET_BYTES || !bucket.chars().all(known) {
        // A text with an `@` or a `:` in it could be a password.
        let shown = if bucket.contains(['@', ':']) || bucket.len() > MAX_BUCKET_BYTES {
            "…"
        } else {
            bucket
        };
        return Err(StoreUriError::Bucket(shown.to_owned()));
    }
    Ok(StoreUri::S3 {
        bucket: bucket.to_owned(),
        key: checked_key(key.to_owned())?,
    })
}

fn checked_key(key: String) -> Result<String, StoreUriError> {
    match key.len() {
        bytes if bytes > MAX_KEY_BYTES => Err(StoreUriError::TooLong { bytes }),
        _ => Ok(key),
    }
}

fn file(rest: &str) -> Result<StoreUri, StoreUriError> {
    if !rest.starts_with('/') {
        return Err(StoreUriError::NotAbsolute);
    }
    let path = percent_decoded(rest)?;
    if path.contains('\0') {
        return Err(StoreUriError::Nul);
    }
    let inner = path[1..].strip_suffix('/').unwrap_or(&path[1..]);
    if path.len() > 1
        && let Some(segment) = inner.split('/').find(|s| matches!(*s, "" | "." | ".."))
    {
        return Err(StoreUriError::Segment(segment.to_owned()));
    }
    Ok(StoreUri::File { path })
}

/// A percent-encoded text without its encoding.
pub(crate) fn percent_decoded(text: &str) -> Result<String, StoreUriError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.split_at_checked(2).ok_or(StoreUriError::Encoding)?;
        let value = |digit: u8| char::from(digit).to_digit(16);
        match (value(digits.0[0]), value(digits.0[1])) {
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            _ => return Err(StoreUriError::Encoding),
        }
        rest = digits.1;
    }
    String::from_utf8(bytes).map_err(|_| StoreUriError::Encoding)
}

impl fmt::Display for StoreUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Self::File { path } => {
                let special = |letter: char| letter.is_control() || " %#?".contains(letter);
                write!(f, "file://{}", encoded(path, special))
            }
        }
    }
}

/// The `<source key>` part of an output path: the S3 key, or the path below `file_root`, each part made
/// safe for a folder's name. Different sources of one bucket, or one root, never share a folder.
///
/// `%` and control characters are percent-encoded, and so are parts that are empty (`%2F`), `.` or `..`.
/// Parts that are too long end in `%~` and a hash of the whole part, and so does the whole.
pub(crate) fn source_folder(source: &StoreUri, file_root: Option<&str>) -> String {
    let whole = match source {
        StoreUri::S3 { key, .. } => key.as_str(),
        StoreUri::File { path } => file_root
            .and_then(|root| path.strip_prefix(root.trim_end_matches('/')))
            .and_then(|below| below.strip_prefix('/'))
            .unwrap_or_else(|| path.trim_start_matches('/')),
    };
    safe_path(whole.as_bytes())
}

/// A relative path, or a key, each part made safe for a name in a folder or a store, as [`source_folder`] says; bytes that
/// are no UTF-8 are percent-encoded too. Different paths never become the same.
pub(crate) fn safe_path(whole: &[u8]) -> String {
    let parts = whole.split(|byte| *byte == b'/').map(segment);
    let path = parts.collect::<Vec<_>>().join("/");
    if path.len() <= MAX_FOLDER_BYTES {
        return path;
    }
    format!("{}%~{}", cut(&path, MAX_FOLDER_BYTES), hash(whole))
}

fn segment(segment: &[u8]) -> String {
    let safe = match segment {
        b"" => "%2F".to_owned(),
        b"." => "%2E".to_owned(),
        b".." => "%2E%2E".to_owned(),
        _ => segment.utf8_chunks().fold(String::new(), |safe, chunk| {
            let is_special = |letter: char| letter.is_control() || letter == '%';
            let invalid = chunk.invalid().iter();
            let invalid = invalid.map(|byte| format!("%{byte:02X}"));
            safe + &encoded(chunk.valid(), is_special) + &invalid.collect::<String>()
        }),
    };
    if safe.len() <= MAX_SEGMENT_BYTES {
        return safe;
    }
    let hash = hash(segment);
    let kept = cut(&safe, MAX_SEGMENT_BYTES - hash.len() - 2);
    format!("{kept}%~{hash}")
}

/// The first bytes of a text. No character and no `%xx` is cut in two.
fn cut(text: &str, max_bytes: usize) -> &str {
    let kept = &text[..text.floor_char_boundary(max_bytes)];
    let open = kept
        .rfind('%')
        .filter(|at| kept.len() - at < 3)
        .unwrap_or(kept.len());
    &kept[..open]
}

/// 128 bits of a text's SHA-256, in hex.
fn hash(text: &[u8]) -> String {
    let digest = Sha256::digest(text);
    digest[..16].iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes everything");
        hex
    })
}

fn encoded(text: &str, special: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if special(letter) {
            for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                write!(safe, "%{byte:02X}").expect("a string takes everything");
            }
        } else {
            safe.push(letter);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> StoreUri {
        text.parse().unwrap()
    }

    fn s3_key(key: &str) -> StoreUri {
        StoreUri::S3 {
            bucket: "b".to_owned(),
            key: key.to_owned(),
        }
    }

    #[test]
    fn keys_are_taken_as_they_are() {
        for key in ["a b#c?d%20e.pdf", "ж/書.pdf", "a//b", "/a", "x/../y", ""] {
            let text = format!("s3://my-bucket.1/{key}");
            assert_eq!(
                at(&text),
                StoreUri::S3 {
                    bucket: "my-bucket.1".to_owned(),
                    key: key.to_owned()
                }
            );
            assert_eq!(at(&text).to_string(), text);
        }
        assert!(at("s3://b").is_folder() && at("s3://b/c/").is_folder());
        assert!(!at("s3://b/c").is_folder());
    }

    #[test]
    fn file_uris_are_percent_encoded() {
        let location = at("file:///data/a%20b%23%25.pdf");
        assert_eq!(
            location,
            StoreUri::File {
                path: "/data/a b#%.pdf".to_owned()
            }
        );
        assert_eq!(location.to_string(), "file:///data/a%20b%23%25.pdf");
        assert_eq!(at("file:///data/ж.pdf").name(), "ж.pdf");
    }

    #[test]
    fn what_is_no_location_says_why() {
        for (text, error) in [
            ("a.pdf", StoreUriError::Scheme),
            ("http://b/k", StoreUriError::Scheme),
            ("S3://b/k", StoreUriError::Scheme),
            ("s3:///k", StoreUriError::Bucket(String::new())),
            ("s3://me:pass@b/k", StoreUriError::Bucket("…".to_owned())),
            ("s3://me:pa/ss@b/k", StoreUriError::Bucket("…".to_owned())),
            ("s3://b:80/k", StoreUriError::Bucket("…".to_owned())),
            ("s3://b/k\0", StoreUriError::Nul),
            (
                &format!("s3://b/{}", "k".repeat(1025)),
                StoreUriError::TooLong { bytes: 1025 },
            ),
            (
                &format!("s3://{}/k", "b".repeat(256)),
                StoreUriError::Bucket("…".to_owned()),
            ),
            ("file://host/a", StoreUriError::NotAbsolute),
            ("file:///a%00", StoreUriError::Nul),
            ("file:///a%2", StoreUriError::Encoding),
            ("file:///a%ff", StoreUriError::Encoding),
            (
                "file:///a/%2e%2e/b",
                StoreUriError::Segment("..".to_owned()),
            ),
            ("file:///a/./b", StoreUriError::Segment(".".to_owned())),
            ("file:///a//b", StoreUriError::Segment(String::new())),
        ] {
            assert_eq!(text.parse::<StoreUri>(), Err(error), "{text}");
        }
    }

    #[test]
    fn the_folder_is_all_but_the_name() {
        for (text, folder) in [
            ("s3://b/p/x.pdf", "s3://b/p/"),
            ("s3://b/p/", "s3://b/p/"),
            ("s3://b/x.pdf", "s3://b/"),
            ("file:///p/x", "file:///p/"),
        ] {
            assert_eq!(at(text).folder(), at(folder));
        }
    }

    #[test]
    fn joining_never_leads_outside() {
        for prefix in [
            "s3://b",
            "s3://b/",
            "s3://b/p",
            "s3://b/p/",
            "file:///",
            "file:///p/",
        ] {
            let prefix = at(prefix);
            for bad in [
                "",
                ".",
                "..",
                "../x",
                "x/..",
                "x/../../y",
                "/x",
                "x//y",
                "x/",
                "x\0",
            ] {
                assert!(prefix.join(bad).is_err(), "{bad:?}");
            }
        }
        for (prefix, joined) in [
            ("s3://b", "s3://b/x/y"),
            ("s3://b/p", "s3://b/p/x/y"),
            ("s3://b/p/", "s3://b/p/x/y"),
            ("file:///", "file:///x/y"),
            ("file:///p", "file:///p/x/y"),
        ] {
            assert_eq!(at(prefix).join("x/y").unwrap().to_string(), joined);
        }
    }

    #[test]
    fn a_source_folder_is_safe_and_each_source_has_its_own() {
        for (key, folder) in [
            ("a/b c.pdf", "a/b c.pdf"),
            ("../../etc", "%2E%2E/%2E%2E/etc"),
            ("%2E%2E/x", "%252E%252E/x"),
            ("a//b/", "a/%2F/b/%2F"),
            ("/a", "%2F/a"),
            ("./...", "%2E/..."),
            ("a\nb\u{85}", "a%0Ab%C2%85"),
        ] {
            let found = source_folder(&s3_key(key), None);
            assert_eq!(found, folder);
            assert!(at("s3://b/p").join(&found).is_ok());
        }
        assert_eq!(safe_path(b"a/b\xFF%.pdf"), "a/b%FF%25.pdf");
        let file = at("file:///srv/in/a/b.pdf");
        assert_eq!(source_folder(&file, Some("/srv/in/")), "a/b.pdf");
        assert_eq!(source_folder(&file, Some("/srv/i")), "srv/in/a/b.pdf");
        assert_eq!(source_folder(&file, None), "srv/in/a/b.pdf");
    }

    #[test]
    fn long_keys_are_shortened_and_stay_apart() {
        let long = |end: &str| source_folder(&s3_key(&format!("{}{end}", "é%".repeat(150))), None);
        assert_ne!(long("a"), long("b"));
        assert!(long("a").len() <= MAX_SEGMENT_BYTES);
        let deep = |end: &str| {
            let key = format!("{}{end}", "0123456789/".repeat(90));
            source_folder(&s3_key(&key), None)
        };
        assert_ne!(deep("a"), deep("b"));
        assert!(deep("a").len() < MAX_FOLDER_BYTES + 40);
        assert!(at("s3://b/p").join(&deep("a")).is_ok());
    }
}
