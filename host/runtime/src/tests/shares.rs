//! A flood of calls to new actors of one type, and the first calls to another.

use std::time::Duration;

use greenroom_core::{ActorType, Address, Code, Error, Limits, Method};

use super::scripted::script;
use super::world::{World, limits, text, toolbox};

/// With the toolbox as the types `t` and `u`.
async fn world(limits: Limits) -> World {
    let world = World::with(limits, script(toolbox)).await;
    world.node.deploy(&ActorType::new("u").unwrap(), "first".into()).await.unwrap();
    world
}

async fn call_u(world: &World, id: &str, method: &str, body: &str) -> Result<(), Error> {
    let (to, method) = (Address::parse("u", id).unwrap(), Method::new(method).unwrap());
    world.node.call(&to, method, text(body)).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_one_type_leaves_places_for_another() {
    let world = world(Limits { activations: 50, ..limits() }).await;
    let flood: Vec<_> =
        (0..200).map(|n| world.calling(&format!("a{n}"), "append_after", "10000 x")).collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    for n in 0..4 {
        call_u(&world, &format!("b{n}"), "append", "x").await.unwrap();
    }
    let mut served = 0;
    for call in flood {
        match call.await.unwrap() {
            Ok(_) => served += 1,
            Err(error) => {
                assert_eq!(error.code, Code::Overloaded, "{error}");
                assert!(error.detail.contains("actors of type t are in memory"), "{error}");
            }
        }
    }
    assert_eq!(served, 45);
}

#[tokio::test(start_paused = true)]
async fn another_type_gets_the_next_sandbox() {
    let world = world(Limits { sandboxes: 2, ..limits() }).await;
    let flood: Vec<_> = (0..20).map(|n| world.calling(&format!("a{n}"), "append_after", "1000 x")).collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begun = tokio::time::Instant::now();
    for n in 0..3 {
        call_u(&world, &format!("b{n}"), "append", "x").await.unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    for call in flood {
        assert_eq!(call.await.unwrap().unwrap(), "x", "the flood is served too");
    }
}

#[tokio::test(start_paused = true)]
async fn when_too_many_wait_for_a_sandbox_one_more_is_told_at_once() {
    let world = world(Limits { sandboxes: 1, ..limits() }).await;
    let flood: Vec<_> = (0..30).map(|n| world.calling(&format!("a{n}"), "append_after", "1000 x")).collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begun = tokio::time::Instant::now();
    call_u(&world, "b", "append", "x").await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let mut refused = 0;
    for call in flood {
        if let Err(error) = call.await.unwrap() {
            assert_eq!(error.code, Code::Overloaded, "{error}");
            refused += 1;
        }
    }
    assert_eq!(refused, 19, "one at work and ten waiting are served");
}
