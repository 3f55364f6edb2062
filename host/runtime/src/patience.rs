//! Waiting with a deadline, without the price of a timer where there is nothing to wait for: most
//! turns end as soon as they are begun, and every timer counts on what all threads share.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use tokio::time::{Instant, Sleep, sleep_until};

/// The deadline passed first.
pub(crate) struct Elapsed;

/// What `future` comes to, if that is before `deadline`. Cancel safe if `future` is.
pub(crate) async fn within<F: Future>(deadline: Instant, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut timer = pin!(None::<Sleep>);
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        if timer.is_none() {
            timer.set(Some(sleep_until(deadline)));
        }
        let timer = timer.as_mut().as_pin_mut().expect("it was set above");
        timer.poll(context).map(|()| Err(Elapsed))
    })
    .await
}
