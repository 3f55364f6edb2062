//! Changes that are made to their end once they are begun: whoever asked may give up at any moment (a client over
//! HTTP/2 cancels its request), and a change that was stored and not followed would be found only by the next start.

use greenroom_core::{Code, Error};

/// What `change` comes to. Whoever drops this doesn't stop it.
///
/// # Errors
/// Those of `change`; `internal` when it panics.
pub(crate) async fn to_its_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let made = tokio::spawn(change).await;
    made.unwrap_or_else(|_| {
        Err(Error::new(Code::Internal, "the change ended half way; the host's log says why"))
    })
}
