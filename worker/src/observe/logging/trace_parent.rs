//! W3C `traceparent` (<https://www.w3.org/TR/trace-context/#traceparent-header>): which trace a job belongs to.

/// A valid `traceparent`, `VERSION-TRACE-PARENT-FLAGS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent<'a> {
    trace_id: &'a str,
    parent_span: &'a str,
}

impl<'a> TraceParent<'a> {
    /// Reads a `traceparent` of version 00, or the part of a later one that version 00 knows.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = hex(parts.next()?, 32)?;
        let parent_span = hex(parts.next()?, 16)?;
        hex(parts.next()?, 2)?;
        let longer = parts.next().is_some();
        let valid = match version {
            "00" => !longer,
            "ff" => false,
            _ => true,
        };
        let zero = |id: &str| id.bytes().all(|digit| digit == b'0');
        (valid && !zero(trace_id) && !zero(parent_span)).then_some(Self {
            trace_id,
            parent_span,
        })
    }

    /// The trace, 32 hexadecimal digits.
    pub(crate) fn trace_id(&self) -> &'a str {
        self.trace_id
    }

    /// The span that made the job, 16 hexadecimal digits.
    pub(crate) fn parent_span(&self) -> &'a str {
        self.parent_span
    }
}

fn hex(text: &str, digits: usize) -> Option<&str> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == digits && text.bytes().all(lower)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_valid_one_is_read() {
        for text in [
            format!("00-{TRACE}-{SPAN}-01"),
            format!("cc-{TRACE}-{SPAN}-00"),
            format!("cc-{TRACE}-{SPAN}-00-what-comes-later"),
        ] {
            let parent = TraceParent::parse(&text).unwrap();
            assert_eq!((parent.trace_id(), parent.parent_span()), (TRACE, SPAN));
        }
    }

    #[test]
    fn an_invalid_one_is_none() {
        for text in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-01 "),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{}é-{SPAN}-01", &TRACE[2..]),
        ] {
            assert_eq!(TraceParent::parse(&text), None, "{text}");
        }
    }
}
