//! Who runs a turn: the caller who finds its actor idle, for as long as nothing has to be waited for;
//! else the actor's own task.

use std::sync::atomic::Ordering;

use futures::FutureExt as _;
use greenroom_core::{Error, Method, Payload};

use super::world::{World, actor, text};

async fn asked(world: &World, method: &str, body: &str) -> Result<Payload, Error> {
    world.node.call(&actor("a"), Method::new(method).unwrap(), text(body)).await
}

#[tokio::test(start_paused = true)]
async fn an_idle_actor_answers_within_its_callers_own_poll() {
    let world = World::start().await;
    world.call("a", "append", "x").await.unwrap();
    let reply = asked(&world, "list", "").now_or_never().expect("the caller had to wait").unwrap();
    assert_eq!(reply, text("x"));
}

#[tokio::test(start_paused = true)]
async fn what_a_caller_began_goes_on_without_it() {
    let world = World::start().await;
    world.call("a", "count", "").await.unwrap();
    assert!(asked(&world, "append_after", "100 done").now_or_never().is_none());
    world.until_list("a", &["done"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_does_one_thing_and_leaves_the_rest_to_the_actor() {
    let world = World::start().await;
    world.call("a", "append", "x").await.unwrap();
    assert!(world.node.dispatch.hint(&actor("a")));
    let mut call = std::pin::pin!(asked(&world, "list", ""));
    assert!(call.as_mut().now_or_never().is_none(), "the caller did what was there before it, too");
    assert_eq!(call.await.unwrap(), text("x"));
}

#[test]
fn sandboxes_end_with_the_runtime_whoever_still_knows_the_actor() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let world = runtime.block_on(async {
        let world = World::start().await;
        world.call("a", "count", "").await.unwrap();
        world.call("a", "count", "").await.unwrap();
        world
    });
    assert_eq!(world.engine.counts.alive.load(Ordering::Relaxed), 1);
    drop(runtime);
    assert_eq!(world.engine.counts.alive.load(Ordering::Relaxed), 0);
}
