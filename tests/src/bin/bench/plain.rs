//! A plain server on hyper that answers `echo`, `get` and `increment` as the probe does, from a map.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::sqlite;

/// What an increment waits for before its reply.
pub(crate) enum Storage {
    Nothing,
    Sqlite(sqlite::Writer),
}

struct Server {
    counters: Mutex<HashMap<String, u64>>,
    storage: Storage,
}

/// Serves until it is killed; prints where, as the host does.
pub(crate) async fn serve(storage: Storage) -> anyhow::Result<()> {
    let server = Arc::new(Server { counters: Mutex::default(), storage });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let service = service_fn(move |request| Arc::clone(&server).answer(request));
            // A client that goes away is nobody's error.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Server {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let segments: Vec<&str> = parts.uri.path().split('/').collect();
        let ["", "v1", "actors", "probe", actor, method] = segments[..] else {
            return Ok(status(StatusCode::NOT_FOUND));
        };
        let Ok(body) = body.collect().await else { return Ok(status(StatusCode::BAD_REQUEST)) };
        let reply = match method {
            "echo" => body.to_bytes(),
            "get" => Bytes::from(self.counter(actor, |counter| *counter).to_string()),
            "increment" => {
                let next = self.counter(actor, |counter| {
                    *counter += 1;
                    *counter
                });
                if let Storage::Sqlite(writer) = &self.storage
                    && !writer.store(actor, next).await
                {
                    return Ok(status(StatusCode::SERVICE_UNAVAILABLE));
                }
                Bytes::from(next.to_string())
            }
            _ => return Ok(status(StatusCode::NOT_FOUND)),
        };
        let mut response = Response::new(Full::new(reply));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        Ok(response)
    }

    fn counter(&self, actor: &str, act: impl FnOnce(&mut u64) -> u64) -> u64 {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = counters.get_mut(actor) {
            return act(counter);
        }
        act(counters.entry(actor.to_owned()).or_default())
    }
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}
