//! Notices that the store is broken, whoever has met that: a read finds damage as well as a commit, and
//! then the host must end although nobody writes.

use std::sync::Weak;
use std::time::Duration;

use greenroom_core::store::StoreError;
use greenroom_core::{Code, Error};

use crate::dispatch::Dispatch;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Asks the store again and again, until it is broken or the node is gone.
pub(crate) async fn run(node: Weak<Dispatch>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(dispatch) = node.upgrade() else { return };
        if let Err(error @ StoreError::Broken(_)) = dispatch.store.check().await {
            dispatch.broken.send_replace(Some(Error::new(Code::StoreUnavailable, error.to_string())));
            return;
        }
    }
}
