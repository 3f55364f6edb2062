//! Advances an engine's epoch, so that guests yield and their time is checked. One thread per
//! engine; it ends on its own once the engine is gone.

use std::io;
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

/// How long a guest keeps its thread at a stretch, and how far it can pass its limit.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Starts ticking. A tick costs nothing but the wake-up of this thread.
pub(crate) fn start(engine: &Engine) -> io::Result<()> {
    let engine = engine.weak();
    thread::Builder::new().name("epoch-ticker".into()).spawn(move || {
        loop {
            thread::sleep(TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    })?;
    Ok(())
}
