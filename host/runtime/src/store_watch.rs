//! Notices that the store is broken when it was a read that has met damage: then the host must end although
//! nobody writes. A failed commit tells by itself.

use std::sync::Weak;
use std::time::Duration;

use crate::dispatch::Dispatch;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Asks the store again and again, until the node is gone.
pub(crate) async fn run(node: Weak<Dispatch>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(dispatch) = node.upgrade() else { return };
        if let Err(error) = dispatch.store.check().await {
            dispatch.notice(&error);
        }
    }
}
