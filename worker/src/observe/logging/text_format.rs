//! Text format of the log, one line an event, for people: time, level, message, fields, and the job and page.
//!
//! Texts from documents, stores and brokers may contain line breaks and terminal codes. They are written as escapes, so
//! that nothing can forge a line or move the cursor.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields, format::Writer, time::FormatTime,
    },
    registry::LookupSpan,
};

use crate::os::terminal::Shown;

/// Terminal codes.
const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";

/// Prefix of our own modules, which are not named: their messages say enough.
const OURS: &str = "recto";

/// `2026-11-21T14:12:42.123Z  INFO job ended job.disposition="ack" | job.id="j-1" job.attempt=1`.
pub(super) struct TextLogFormat {
    pub(super) colors: bool,
}

impl<S, N> FormatEvent<S, N> for TextLogFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (dim, reset) = match self.colors {
            true => (DIM, RESET),
            false => ("", ""),
        };
        let (level, target) = (event.metadata().level(), event.metadata().target());
        line.write_str(dim)?;
        UtcTime.format_time(&mut line)?;
        let color = if self.colors { color(level) } else { "" };
        write!(line, "{reset} {color}{level:>5}{reset} ")?;
        if !target.starts_with(OURS) {
            write!(line, "{dim}{target}:{reset} ")?;
        }
        let mut fields = String::new();
        context.format_fields(Writer::new(&mut fields), event)?;
        write_escaped(&mut line, &fields)?;
        let mut before = " |";
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<N>>()
                && !fields.is_empty()
            {
                write!(line, "{dim}{before} ")?;
                write_escaped(&mut line, fields)?;
                write!(line, "{reset}")?;
                before = "";
            }
        }
        writeln!(line)
    }
}

fn color(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

fn write_escaped(line: &mut Writer<'_>, text: &str) -> fmt::Result {
    write!(line, "{}", Shown(text))
}

/// `2026-11-21T14:12:42.123Z`.
pub(super) struct UtcTime;

impl FormatTime for UtcTime {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        let now = time::OffsetDateTime::now_utc();
        let (date, (hour, minute, second, milli)) = (now.date(), now.time().as_hms_milli());
        write!(
            out,
            "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
        )
    }
}
