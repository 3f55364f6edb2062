//! The log, on stderr. One event is one line, whatever guests and clients have put into its fields.
//!
//! Nobody waits for stderr: a thread of its own writes, and what comes faster than that is taken is dropped and
//! counted. Nor does anybody hear of it when stderr takes nothing at all, a full disk or a pipe without a reader.

use std::fmt;
use std::io::IsTerminal as _;
use std::time::Duration;

use greenroom_core::plain::plain;
use tracing::field::{Field, Visit};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::{RecordFields, VisitOutput as _};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};

use crate::settings::{LogFormat, Settings};

/// What is logged, of its text: levels, and parts of the host with their levels.
///
/// # Errors
/// The text says nothing that is understood; the error says what is.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, String> {
    const UNDERSTOOD: &str = "it is a level (error, warn, info, debug, trace, off), and PART=LEVEL for parts of the host, \
                              for example info,greenroom_runtime=debug";
    // A word alone would be a part of which everything is logged, and that is what a misspelt level
    // looks like: then nothing would be logged at all.
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let mut words = text.split(',').filter(|directive| !directive.contains(['=', '[']));
    if let Some(directive) = words.find(|word| !is_level(word)) {
        return Err(format!("{directive:?} is no level; {UNDERSTOOD}"));
    }
    EnvFilter::try_new(text).map_err(|error| format!("{text:?} is not understood ({error}); {UNDERSTOOD}"))
}

/// Lines that wait for stderr at most; one of a guest has up to `log_bytes_per_turn`.
const LINES_WAITING_MAX: usize = 4_096;

/// How often to look whether lines were dropped.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The log that was started. What waits is written when this is dropped, as far as stderr takes it.
pub(crate) struct Log {
    dropped: ErrorCounter,
    _writing: WorkerGuard,
}

impl Log {
    /// Tells in the log how many lines were dropped, now and then, for ever.
    pub(crate) fn tell_of_dropped_lines(&self) -> impl Future<Output = ()> + Send + use<> {
        let dropped = self.dropped.clone();
        async move {
            let mut told = 0;
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let lines = dropped.dropped_lines();
                if lines > told {
                    tracing::warn!(
                        lines = lines - told,
                        "lines of the log were dropped: stderr does not take them"
                    );
                    told = lines;
                }
            }
        }
    }
}

/// Starts logging.
///
/// # Errors
/// The filter is not valid; the text says why.
pub(crate) fn start(settings: &Settings) -> Result<Log, String> {
    let filter = filter(&settings.log)?;
    let (writer, writing) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES_WAITING_MAX)
        .thread_name("log")
        .finish(std::io::stderr());
    let started = Log { dropped: writer.error_counter(), _writing: writing };
    // What can't be written would be told on stderr, too, by a panic.
    let log =
        tracing_subscriber::fmt().log_internal_errors(false).with_env_filter(filter).with_writer(writer);
    match settings.log_format {
        LogFormat::Pretty => {
            log.with_ansi(std::io::stderr().is_terminal()).fmt_fields(PlainFields).try_init()
        }
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    }
    .map(|()| started)
    .map_err(|error| error.to_string())
}

/// Fields as they are written for people, with control characters spelled out.
struct PlainFields;

impl<'writer> FormatFields<'writer> for PlainFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = PlainVisitor(DefaultVisitor::new(writer, true));
        fields.record(&mut visitor);
        visitor.0.finish()
    }
}

struct PlainVisitor<'writer>(DefaultVisitor<'writer>);

impl Visit for PlainVisitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        // Quoted by `Debug`, which spells them out; the message is not quoted.
        if field.name() == "message" {
            self.record_debug(field, &format_args!("{value}"));
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.record_debug(field, &format_args!("{}", plain(&format!("{value:?}"))));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_field_can_pass_for_a_line_of_its_own_or_command_a_terminal() {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).fmt_fields(PlainFields);
        let log = log.with_writer(move || writer.clone()).finish();
        let hostile = "conflict: \u{1b}[2J\n2026 ERROR it\r";
        tracing::subscriber::with_default(log, || {
            let _span = tracing::info_span!("turn", id = %hostile).entered();
            tracing::warn!(error = %hostile, text = hostile, count = 2, "said {hostile}");
        });
        let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let line = written.strip_suffix('\n').unwrap();
        assert!(!line.contains(char::is_control), "{written:?}");
        let plain = "conflict: \\u{1b}[2J\\n2026 ERROR it\\u{d}";
        for shown in [format!("said {plain}"), format!("error={plain}"), format!("id={plain}")] {
            assert!(line.contains(&shown), "{shown}: {line}");
        }
        assert!(line.contains("count=2") && line.contains("text=\"conflict: "), "{line}");
    }

    #[test]
    fn what_is_no_level_is_refused_in_words_that_say_what_is() {
        for understood in
            ["info", "OFF", "warn,greenroom_runtime=debug", "info,guest=off", "error,[turn]=trace"]
        {
            filter(understood).unwrap();
        }
        for text in ["wran", "", "info,", "info,debg", " info", "greenroom_http", "info,guest=wran"] {
            let refused = filter(text).unwrap_err();
            assert!(refused.contains("error, warn, info") && refused.contains("PART=LEVEL"), "{refused}");
        }
    }
}
