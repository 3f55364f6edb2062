//! Arguments that take long to convert are converted on threads of their own: those that serve everybody accept,
//! commit and reply meanwhile.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use greenroom_core::sandbox::{Accepted, Behavior};
use greenroom_core::{Code, Error, Message};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Payloads up to this are converted at once: that takes about a millisecond, and handing them over a tenth of it.
const CONVERTED_AT_ONCE_BYTES: usize = 16 << 10;

/// See the [module](self). As many go on at a time as half of the processors.
pub(crate) struct Conversions(Arc<Semaphore>);

impl Default for Conversions {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get);
        Conversions(Arc::new(Semaphore::new((processors / 2).max(1))))
    }
}

impl Conversions {
    /// What `message` is to `behavior`.
    ///
    /// Cancel safe: a conversion that nobody waits for any more keeps its place until it is over.
    pub(crate) async fn accept(
        &self,
        behavior: &Arc<dyn Behavior>,
        message: Message,
    ) -> Result<Accepted, Error> {
        if message.payload.body.len() <= CONVERTED_AT_ONCE_BYTES || !behavior.converts(&message) {
            return behavior.accept(message);
        }
        // It is never closed.
        let place = Arc::clone(&self.0).acquire_owned().await;
        let behavior = Arc::clone(behavior);
        let converting = spawn_blocking(move || {
            let _place = place;
            behavior.accept(message)
        });
        let panicked = |error| Error::new(Code::Internal, format!("a conversion ended early: {error}"));
        converting.await.map_err(panicked)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use async_trait::async_trait;
    use greenroom_core::message::Origin;
    use greenroom_core::sandbox::{Sandbox, Trap, TurnHost};
    use greenroom_core::{Address, ComponentInfo, Digest, MessageId, Method, Payload, SettingsInForce};
    use parking_lot::Mutex;

    /// Converts until it is told to stop.
    struct Slow {
        info: ComponentInfo,
        stop: Mutex<Receiver<()>>,
    }

    #[async_trait]
    impl Behavior for Slow {
        fn info(&self) -> &ComponentInfo {
            &self.info
        }

        fn converts(&self, _: &Message) -> bool {
            true
        }

        fn accept(&self, message: Message) -> Result<Accepted, Error> {
            let told = self.stop.lock().recv_timeout(Duration::from_secs(20));
            told.map_err(|_| Error::new(Code::Internal, "nobody else was served meanwhile"))?;
            Ok(Accepted::Message(message))
        }

        async fn instantiate(
            &self,
            _: &Address,
            _: &Arc<SettingsInForce>,
            _: Arc<dyn TurnHost>,
        ) -> Result<Box<dyn Sandbox>, Trap> {
            Err(Trap::NoRoom)
        }
    }

    #[tokio::test]
    async fn who_has_only_one_thread_serves_others_while_much_is_converted() {
        let (sender, stop) = channel();
        let info = ComponentInfo { digest: Digest::of(b""), size_bytes: 0, imports: Vec::new() };
        let behavior: Arc<dyn Behavior> = Arc::new(Slow { info, stop: Mutex::new(stop) });
        let message = Message {
            id: MessageId::from_bytes([7; 16]),
            method: Method::new("numbers").unwrap(),
            payload: Payload::new(Payload::JSON, vec![b' '; CONVERTED_AT_ONCE_BYTES + 1]),
            origin: Origin::Client,
            attempt: 1,
        };
        let conversions = Conversions::default();
        let (accepted, ()) = tokio::join!(conversions.accept(&behavior, message), async move {
            tokio::task::yield_now().await;
            sender.send(()).unwrap();
        });
        assert!(accepted.is_ok(), "{:?}", accepted.err());
    }
}
