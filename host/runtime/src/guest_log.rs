//! What guests say, in the host's log: attributed to the actor and the message, with nothing in it
//! that could pass for a line of the host, and no more of it than `log_bytes_per_turn`.

use std::sync::atomic::{AtomicUsize, Ordering};

use greenroom_core::plain::plain;
use greenroom_core::sandbox::LogLevel;
use greenroom_core::{Address, MessageId};

/// The log of one turn.
pub(crate) struct GuestLog {
    message_id: Option<MessageId>,
    bytes_max: usize,
    bytes: AtomicUsize,
    dropped: AtomicUsize,
}

impl GuestLog {
    pub(crate) fn new(message_id: Option<MessageId>, bytes_max: usize) -> Self {
        GuestLog { message_id, bytes_max, bytes: AtomicUsize::new(0), dropped: AtomicUsize::new(0) }
    }

    pub(crate) fn write(&self, me: &Address, level: LogLevel, message: &str) {
        let room = self.bytes_max.saturating_sub(self.bytes.fetch_add(message.len(), Ordering::Relaxed));
        if room < message.len() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            self.emit(me, level, &plain(message));
        }
    }

    /// At the end of the turn: tells how many lines were dropped, if any were.
    pub(crate) fn finish(&self, me: &Address) {
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped > 0 {
            let text = format!(
                "{dropped} more lines dropped: a turn logs at most {} bytes (log_bytes_per_turn)",
                self.bytes_max
            );
            self.emit(me, LogLevel::Warn, &text);
        }
    }

    fn emit(&self, me: &Address, level: LogLevel, text: &str) {
        let message_id = self.message_id.map(tracing::field::display);
        macro_rules! event {
            ($level:ident) => {
                tracing::event!(target: "guest", tracing::Level::$level, actor = %me, message_id, "{text}")
            };
        }
        match level {
            LogLevel::Trace => event!(TRACE),
            LogLevel::Debug => event!(DEBUG),
            LogLevel::Info => event!(INFO),
            LogLevel::Warn => event!(WARN),
            LogLevel::Error => event!(ERROR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_the_limit_is_dropped_and_counted() {
        let log = GuestLog::new(None, 10);
        let me = Address::parse("t", "a").unwrap();
        for _ in 0..5 {
            log.write(&me, LogLevel::Info, "12345");
        }
        assert_eq!(log.dropped.load(Ordering::Relaxed), 3);
    }
}
