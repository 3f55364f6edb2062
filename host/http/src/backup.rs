//! `GET /v1/backup`: everything durable, copied while the host goes on.
//!
//! The length is said before, and the bytes end with a seal, so that nobody takes a part for the whole.
//! A reader who falls behind the pace of a request's body is let go: the copy takes room as long as it is
//! read, and the next backup waits for it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures::stream;
use greenroom_core::{Code, Error};
use greenroom_runtime::Backup;
use http::Uri;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::config::Bounds;
use crate::query;
use crate::routes::{Answer, Api};

/// The media type of SQLite databases, of which a backup is one.
const MEDIA_TYPE: &str = "application/vnd.sqlite3";

/// Bytes of a backup, none at its end; or why the rest can't be read.
type Part = Result<Bytes, Error>;

/// How fast a backup must be read.
pub(crate) struct Pace {
    timeout: Duration,
    bytes_per_second: u64,
}

impl Pace {
    /// That of a request's body.
    pub(crate) fn new(bounds: &Bounds) -> Self {
        Pace { timeout: bounds.body_timeout, bytes_per_second: bounds.body_bytes_per_second.max(1) }
    }

    /// When so many bytes must have been read.
    fn deadline(&self, bytes: u64) -> Instant {
        Instant::now() + self.timeout + Duration::from_secs(bytes / self.bytes_per_second)
    }
}

/// Downloads a backup of everything durable, made while the host goes on
///
/// A SQLite database that ends with a seal; `greenroom restore` makes a data directory of it.
#[utoipa::path(
    get,
    path = "/v1/backup",
    operation_id = "downloadBackup",
    tag = "Host",
    responses((
        status = 200,
        description = "The bytes of the backup",
        body = Vec<u8>,
        content_type = "application/vnd.sqlite3",
        headers(("Cache-Control" = String, description = "`no-store`")),
    )),
)]
pub(crate) async fn download(State(api): State<Arc<Api>>, uri: Uri) -> Answer {
    query::none(&uri)?;
    let backup = api.node.backup().await?;
    let headers = [
        (CONTENT_TYPE, MEDIA_TYPE.to_owned()),
        (CONTENT_LENGTH, backup.bytes().to_string()),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    let deadline = api.backups.deadline(backup.bytes());
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(hand_over(backup, deadline, sender));
    Ok((headers, Body::from_stream(stream::try_unfold(receiver, next))).into_response())
}

/// Reads a backup, and hands its parts over until `deadline`; the last one is empty. A task of its own: while a
/// peer takes nothing, nobody asks for the body of its reply.
async fn hand_over(mut backup: Backup, deadline: Instant, sender: mpsc::Sender<Part>) {
    let handing = async move {
        loop {
            let part = backup.read().await;
            if part.as_ref().is_ok_and(|bytes| !bytes.is_empty()) {
                if sender.send(part).await.is_err() {
                    return;
                }
            } else {
                // Whoever has all of it may ask for the next.
                drop(backup);
                let _ = sender.send(part).await;
                return;
            }
        }
    };
    if timeout_at(deadline, handing).await.is_err() {
        tracing::warn!("a backup was cut off: it was read more slowly than http.body_bytes_per_second");
    }
}

/// The next part of a body; an error cuts the reply off, short of the length that was said.
async fn next(mut receiver: mpsc::Receiver<Part>) -> Result<Option<(Bytes, mpsc::Receiver<Part>)>, Error> {
    let too_slow = || Err(Error::new(Code::RequestTimeout, "the backup was read too slowly"));
    let bytes = receiver.recv().await.unwrap_or_else(too_slow)?;
    Ok((!bytes.is_empty()).then_some((bytes, receiver)))
}
