//! Where turns run that compute for long. Real threads and real time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use super::scripted::{Scene, script};
use super::world::{World, answer, limits, toolbox};

/// Far more than all of it takes.
const HANGS: Duration = Duration::from_mins(1);

fn thread() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

/// Computes without end, a slice at a time, until told to stop; the reply names the thread of each slice.
async fn compute(scene: &Scene, enough: Arc<AtomicBool>) -> Vec<String> {
    let mut threads = Vec::new();
    std::future::poll_fn(|context| {
        threads.push(thread());
        if enough.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        std::thread::sleep(Duration::from_millis(1));
        scene.host.becomes_long();
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    threads
}

#[test]
fn a_turn_that_computes_for_long_leaves_the_only_worker_to_others() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("worker")
        .enable_time()
        .build()
        .unwrap();
    let enough = Arc::<AtomicBool>::default();
    let computing = Arc::<AtomicUsize>::default();
    let world = runtime.block_on(async {
        let (enough, computing) = (Arc::clone(&enough), Arc::clone(&computing));
        let run = script(move |scene: Scene| {
            let (enough, computing) = (Arc::clone(&enough), Arc::clone(&computing));
            async move {
                if scene.message.method.as_str() == "compute" {
                    computing.fetch_add(1, Ordering::Relaxed);
                    return answer(compute(&scene, enough).await.join(" "));
                }
                toolbox(scene).await
            }
        });
        World::with(limits(), run).await
    });
    runtime.block_on(async {
        let loops: Vec<_> = ["a", "b", "c"].map(|id| world.calling(id, "compute", "")).into();
        while computing.load(Ordering::Relaxed) < loops.len() {
            tokio::task::yield_now().await;
        }
        // Others are served meanwhile.
        let other = world.calling("other", "append", "x");
        assert_eq!(tokio::time::timeout(HANGS, other).await.unwrap().unwrap().unwrap(), "x");
        enough.store(true, Ordering::Relaxed);
        for turn in loops {
            let threads = tokio::time::timeout(HANGS, turn).await.unwrap().unwrap().unwrap();
            let (first, rest) = threads.split_once(' ').unwrap();
            assert_eq!(first, "worker");
            assert!(rest.split(' ').all(|thread| thread == "long-turns"), "{threads}");
        }
        // The next turn of the same actor is a short one again.
        assert_eq!(world.calling("a", "compute", "").await.unwrap().unwrap(), "worker");
    });
}
