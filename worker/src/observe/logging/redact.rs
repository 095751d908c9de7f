//! Redaction of URIs for the log.

/// The text in place of a part that was taken out.
const HIDDEN: &str = "***";

/// A URI as it may be logged: without password, query and fragment, which carry credentials and signatures.
///
/// Works on any text, since it also shows what somebody mistyped, and takes out too much rather than too little.
pub(crate) fn redact_uri(uri: &str) -> String {
    let (scheme, rest) = match uri.find("://") {
        Some(at) => uri.split_at(at + "://".len()),
        None => ("", uri),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    // A password may hold any of these letters if it was not escaped, so the last @ ends it. Buckets and paths
    // have no colon in the first part, and keep their @.
    let (user, rest) = match rest.rsplit_once('@') {
        Some((userinfo, rest)) if authority.contains([':', '@']) => (userinfo, rest),
        _ => ("", rest),
    };
    let user = match (user.split_once(':'), user) {
        (_, "") => String::new(),
        (Some((name, _)), _) => format!("{name}:{HIDDEN}@"),
        // Alone it may be a token.
        (None, _) => format!("{HIDDEN}@"),
    };
    match rest.find(['?', '#']) {
        Some(at) => format!("{scheme}{user}{}{HIDDEN}", &rest[..=at]),
        None => format!("{scheme}{user}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_goes_and_the_rest_stays() {
        for (uri, expected) in [
            (
                "amqp://recto:secret@mq:5672/jobs",
                "amqp://recto:***@mq:5672/jobs",
            ),
            ("amqps://recto@mq", "amqps://***@mq"),
            ("amqp://mq:5672/%2f?heartbeat=10", "amqp://mq:5672/%2f?***"),
            ("s3://bucket/a/scan.pdf", "s3://bucket/a/scan.pdf"),
            (
                "s3://bucket/mail/jo@example.org:1.pdf",
                "s3://bucket/mail/jo@example.org:1.pdf",
            ),
            (
                "https://s3/b/k?X-Amz-Signature=secret",
                "https://s3/b/k?***",
            ),
            ("https://s3/b/k#secret", "https://s3/b/k#***"),
            (
                "http://user:secret@[::1]:9000/b",
                "http://user:***@[::1]:9000/b",
            ),
            ("file:///archive/a@b.pdf", "file:///archive/a@b.pdf"),
            ("/archive/scan.pdf", "/archive/scan.pdf"),
            ("-", "-"),
            ("", ""),
        ] {
            assert_eq!(redact_uri(uri), expected, "{uri}");
        }
    }

    #[test]
    fn a_password_goes_however_it_is_written() {
        for uri in [
            "amqp://recto:sec/ret@mq",
            "amqp://recto:sec?ret@mq",
            "amqp://recto:sec#ret@mq",
            "amqp://recto:sec@ret@mq",
            "amqp://recto:1234/ret@mq",
            "amqp://recto:://sec:ret@mq",
            "recto:secret@mq:5672",
            "://recto:secret@mq",
        ] {
            let shown = redact_uri(uri);
            assert!(!shown.contains("sec"), "{uri} is shown as {shown}");
            assert!(!shown.contains("ret@"), "{uri} is shown as {shown}");
            assert!(shown.contains("***@mq"), "{uri} is shown as {shown}");
        }
    }
}
