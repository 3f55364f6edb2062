//! Accepting connections. The accept loop never ends before it is told to: when the machine has
//! no file descriptor left it waits and tries again, and beyond its cap of connections it goes on
//! when there is a place for the one it has accepted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use greenroom_metrics::Metrics;
use greenroom_runtime::Node;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::config::Config;
use crate::connection::{self, Activity};
use crate::connections::Connections;
use crate::front::Front;
use crate::guard::Guard;
use crate::peer::Peers;
use crate::routes::{Api, Routes};

/// Why a server can't listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Whoever reaches the address could do everything.
    #[error(
        "{0} can be reached from other machines, and no tokens are configured: set `tokens`, or listen on \
         127.0.0.1 or [::1]"
    )]
    NeedsTokens(SocketAddr),
    /// The address can't be had.
    #[error("can't listen on {address}: {error}")]
    Unavailable {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        #[source]
        error: io::Error,
    },
}

/// An address for the HTTP API, which nobody is answered at yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    config: Config,
}

impl Server {
    /// Takes the address. Connections wait until [`Server::serve`].
    ///
    /// # Errors
    /// [`BindError`], when it is not a loopback address and there are no tokens, or when the system
    /// does not give it.
    pub async fn bind(config: Config) -> Result<Server, BindError> {
        let asked = config.listen;
        if !asked.ip().is_loopback() && config.tokens.is_empty() {
            return Err(BindError::NeedsTokens(asked));
        }
        let unavailable = |error| BindError::Unavailable { address: asked, error };
        let listener = TcpListener::bind(asked).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        Ok(Server { listener, address, config })
    }

    /// The address it listens on, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves `node` until `stop` resolves; then accepts nothing more, lets every connection finish the
    /// requests under way, and returns when all are closed, at the latest after `grace`.
    ///
    /// Dropping the future closes the listener at once and leaves open connections to themselves.
    pub async fn serve(self, node: Node, stop: impl Future<Output = ()>, grace: Duration) {
        let metrics = Arc::clone(node.metrics());
        let routes = Routes::new(Api::new(node, &self.config.bounds, self.config.about.clone()));
        self.serve_routes(routes, metrics, stop, grace).await;
    }

    /// The same for any routes.
    pub(crate) async fn serve_routes(
        self,
        routes: Routes,
        metrics: Arc<Metrics>,
        stop: impl Future<Output = ()>,
        grace: Duration,
    ) {
        let Config { tokens, cors_origins, bounds, .. } = self.config;
        let front = Arc::new(Front::new(routes, Guard::new(tokens, cors_origins), metrics, &bounds));
        let bounds = Arc::new(bounds);
        let builder = Arc::new(connection::builder(&bounds));
        let connections = Connections::new(bounds.connections);
        let peers = Peers::default();
        let (stopping, stopped) = watch::channel(false);
        let accepting = async {
            loop {
                let (stream, address) = accept(&self.listener).await;
                let activity = Arc::new(Activity::new(peers.of(address.ip())));
                let place = connections.place(&activity).await;
                let serving = connection::serve(
                    stream,
                    activity,
                    Arc::clone(&front),
                    Arc::clone(&builder),
                    Arc::clone(&bounds),
                    stopped.clone(),
                );
                tokio::spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
        };
        tokio::select! {
            () = accepting => {}
            () = stop => {}
        }
        drop(self.listener);
        stopping.send_replace(true);
        if timeout(grace, connections.all_closed()).await.is_err() {
            tracing::warn!("connections were still open when the time to stop was over");
        }
    }
}

/// Waits for a connection.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    const BACKOFF_MIN: Duration = Duration::from_millis(5);
    const BACKOFF_MAX: Duration = Duration::from_secs(1);
    let mut backoff = BACKOFF_MIN;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Replies are small and must not wait for the peer's acknowledgement of the last.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection was gone before it was served");
                }
                return (stream, address);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection; trying again");
                sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
    }
}

/// Whether the error concerns only the connection that was to be accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests;
