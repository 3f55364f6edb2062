//! What the tests of this crate share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::{About, Bounds, Config};
use crate::cors::Origin;
use crate::guard::Token;
use crate::server::Server;

/// The body of a response, as text.
pub(crate) async fn text_of(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The code of a problem document.
pub(crate) fn code_of(body: &str) -> String {
    let document: serde_json::Value = serde_json::from_str(body).unwrap();
    document["code"].as_str().unwrap().to_owned()
}

/// Runs one future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A configuration for a port of its own on loopback.
pub(crate) fn config(bounds: Bounds, tokens: &[&str]) -> Config {
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tokens: tokens.iter().map(|text| Token::new(text).unwrap()).collect(),
        cors_origins: vec![Origin::new("https://app.example.com").unwrap()],
        bounds,
        about: About::default(),
    }
}

/// A server at work on loopback.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Running {
    /// Serves `router`.
    pub(crate) async fn start(router: Router, config: Config) -> Self {
        let server = Server::bind(config).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move { drop(stopped.await) };
        let serving =
            tokio::spawn(server.serve_routes(router.into(), Arc::default(), stopped, Duration::from_secs(5)));
        Running { address, stop, serving }
    }

    /// Stops it and waits until it has.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.serving.await.unwrap();
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `request` as it is on a connection of its own, and returns all that comes back.
    pub(crate) async fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        // A server that refuses early may close before everything is written.
        let _ = stream.write_all(request).await;
        read_all(&mut stream).await
    }
}

/// Everything until the peer closes.
pub(crate) async fn read_all(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut all)).await.unwrap().unwrap();
    String::from_utf8_lossy(&all).into_owned()
}
