//! Compiled code: no more of it is in memory than there is room for, however many types are deployed, and none of them
//! is refused while others only rest.

use std::time::Duration;

use greenroom_core::{ActorType, Address, Code, Error, Limits, Method};

use super::scripted::script;
use super::world::{World, limits, text, toolbox};

const CODE_BYTES: u64 = 100;
/// The code of a scripted component has as many bytes as its name.
const EACH_BYTES: u64 = 10;
const TYPES: u64 = 3 * CODE_BYTES / EACH_BYTES;

fn name(number: u64) -> ActorType {
    ActorType::new(&format!("t{number}")).unwrap()
}

/// With so many types of different code.
async fn world() -> World {
    let world = World::with(Limits { code_bytes: CODE_BYTES, ..limits() }, script(toolbox)).await;
    for number in 0..TYPES {
        let component = world.engine.add(&format!("{number:010}"), script(toolbox));
        world.node.deploy(&name(number), component).await.unwrap();
        assert!(code_bytes(&world) <= CODE_BYTES);
    }
    world
}

fn code_bytes(world: &World) -> u64 {
    let text = world.node.scrape("test");
    let line = text.lines().find_map(|line| line.strip_prefix("greenroom_code_bytes ")).unwrap();
    line.parse().unwrap()
}

async fn call(world: &World, number: u64, method: &str, body: &str) -> Result<(), Error> {
    let to = Address::parse(name(number).as_str(), "a").unwrap();
    world.node.call(&to, Method::new(method).unwrap(), text(body)).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn code_of_types_that_rest_makes_room_and_comes_back() {
    let world = world().await;
    for _ in 0..2 {
        for number in 0..TYPES {
            // The sandboxes of those before are in memory still, and idle.
            call(&world, number, "append", "x").await.unwrap();
            let bytes = code_bytes(&world);
            assert!((EACH_BYTES..=CODE_BYTES).contains(&bytes), "{bytes}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn code_at_work_is_not_taken_away_and_who_finds_no_room_is_told() {
    let world = world().await;
    let works = (0..CODE_BYTES / EACH_BYTES).map(|number| call(&world, number, "append_after", "20000 x"));
    let works = futures::future::join_all(works);
    let comes = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let refused = call(&world, TYPES - 1, "append", "x").await.unwrap_err();
        assert_eq!(refused.code, Code::Overloaded);
        assert!(refused.detail.contains("limits.code_bytes"), "{refused}");
        assert!(code_bytes(&world) <= CODE_BYTES);
    };
    let (worked, ()) = tokio::join!(works, comes);
    assert!(worked.iter().all(Result::is_ok), "{worked:?}");
    call(&world, TYPES - 1, "append", "x").await.unwrap();
}
