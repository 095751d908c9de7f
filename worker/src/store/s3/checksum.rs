//! Checks of downloaded bytes: the MD5 that a plain ETag is, and error documents in the place of an object.

use aws_sdk_s3::types::ServerSideEncryption;
use md5::{Digest as _, Md5};

/// An MD5 sum.
pub(super) type Md5Sum = [u8; 16];

/// Bytes at the begin of a body in which an error document is looked for.
const HEAD_BYTES: usize = 512;

/// The MD5 that an ETag gives: 32 hex digits, unless the object is encrypted by a key service or uploaded in parts
/// (AWS, "Common Response Headers": ETag).
pub(super) fn md5_in(etag: &str, encryption: Option<&ServerSideEncryption>) -> Option<Md5Sum> {
    if encryption.is_some_and(|encryption| *encryption != ServerSideEncryption::Aes256) {
        return None;
    }
    let digits = etag.trim_start_matches("W/").trim_matches('"');
    let mut sum = Md5Sum::default();
    if digits.len() != 2 * sum.len() {
        return None;
    }
    for (byte, pair) in sum.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? * 16 + digit(1)?) as u8;
    }
    Some(sum)
}

/// The MD5 of bytes.
pub(super) fn md5(bytes: &[u8]) -> Md5Sum {
    Md5::digest(bytes).into()
}

/// The bytes of a download, as far as they are looked at.
#[derive(Default)]
pub(super) struct BodyCheck {
    md5: Md5,
    head: Vec<u8>,
}

impl BodyCheck {
    /// Takes the next bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        let left = HEAD_BYTES - self.head.len();
        self.head.extend(bytes.iter().take(left));
    }

    /// The MD5 of all bytes so far.
    pub(super) fn sum(&self) -> Md5Sum {
        self.md5.clone().finalize().into()
    }

    /// Returns true if the body is S3's error document: a store may find an error after it has sent the status 200.
    pub(super) fn is_error_document(&self) -> bool {
        let head = String::from_utf8_lossy(&self.head);
        let head = head.trim_start();
        let root = match head.strip_prefix("<?xml") {
            Some(rest) => rest
                .split_once("?>")
                .map_or("", |(_, rest)| rest.trim_start()),
            None => head,
        };
        root.starts_with("<Error>") && root.contains("<Code>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_etag_is_an_md5() {
        // RFC 1321, A.5.
        let abc = "900150983cd24fb0d6963f7d28e17f72";
        let quoted = format!("\"{abc}\"");
        assert_eq!(md5_in(&quoted, None), Some(md5(b"abc")));
        assert_eq!(
            md5_in(abc, Some(&ServerSideEncryption::Aes256)),
            Some(md5(b"abc"))
        );
        assert_eq!(md5_in(&format!("W/{quoted}"), None), Some(md5(b"abc")));
        let by_key_service = ServerSideEncryption::AwsKms;
        assert_eq!(md5_in(&quoted, Some(&by_key_service)), None);
        for etag in [
            "",
            "\"\"",
            "e",
            "900150983cd24fb0d6963f7d28e17f72-2",
            "\"0x8DB5C2F0A4B3C1D0x8DB5C2F0A4B3C1D\"",
        ] {
            assert_eq!(md5_in(etag, None), None, "{etag}");
        }
    }

    #[test]
    fn an_error_document_is_told_from_an_object() {
        for (body, error) in [
            ("<Error><Code>InternalError</Code></Error>", true),
            (
                "<?xml version=\"1.0\"?>\n<Error><Code>A</Code></Error>",
                true,
            ),
            ("{\"a\": \"<Error><Code>\"}", false),
            ("<Errors><Code>A</Code></Errors>", false),
            ("%PDF-1.7", false),
            ("", false),
        ] {
            let mut check = BodyCheck::default();
            check.take(body.as_bytes());
            assert_eq!(check.is_error_document(), error, "{body}");
        }
    }
}
