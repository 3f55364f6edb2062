//! The attacks of a soak: each is made again and again until it is over, by actors of types of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use greenroom_tests::client::Client;
use greenroom_tests::script::{fill, simply};
use greenroom_tests::{guests, hostile};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Guests of `tests/guests/hostile` that take part.
pub(crate) const HOSTILE: [&str; 6] = [
    "begs-for-memory",
    "calls-two-more",
    "copies-memory",
    "grows-memory",
    "logs-without-end",
    "waits-for-nothing-without-end",
];

/// Connections that say half a request and wait.
const HALF_SAID: usize = 50;
/// Between two attacks of a kind that is over at once.
const PAUSE: Duration = Duration::from_millis(20);

type Attack = JoinHandle<anyhow::Result<usize>>;

/// Begins all of them; each tells how often it was made.
pub(crate) fn begin(client: &Client, over: &Arc<AtomicBool>) -> Vec<Attack> {
    let line = json!({ "op": "log", "level": "info", "message": "said again and again" });
    let timer = |number: usize| {
        let schedule = json!({ "delay_ms": 10, "period_ms": 10 });
        json!({ "op": "set_timer", "name": format!("t{number}"), "schedule": schedule, "method": "get", "payload": "" })
    };
    let reminder = |number: usize| {
        let schedule = json!({ "delay_ms": 1_000 });
        json!({ "op": "set_reminder", "name": format!("r{number}"), "schedule": schedule, "method": "get", "payload": "" })
    };
    let flood = json!({
        "op": "send", "to": ["attacker", "flooded"], "method": "get", "payload": "", "count": 200
    });
    let scripts: Vec<(usize, usize, Value)> = vec![
        // How many attack at a time, over how many actors, and what each does in a turn.
        (4, 1, json!([simply("spin")])),
        (2, 1, json!([simply("memory_bomb")])),
        (2, 1, json!([{ "op": "big", "bytes": 3 << 20 }])),
        (2, 1, (0..4).map(|key| fill(&format!("k-{key}"), 1 << 20)).collect()),
        (2, 50, (0..200).map(timer).collect()),
        (2, 50, (0..200).map(reminder).collect()),
        (2, 1, json!([flood])),
        (1, 1, json!(vec![line; 5_000])),
        (4, 100_000, json!([simply("now")])),
        (2, 1, json!([simply("trap")])),
    ];
    let mut attacks = Vec::new();
    for (kind, (count, actors, turn)) in scripts.into_iter().enumerate() {
        for number in 0..count {
            let (client, over, turn) = (client.clone(), Arc::clone(over), turn.clone());
            attacks.push(tokio::spawn(async move {
                let mut made = 0;
                while !over.load(Ordering::Relaxed) {
                    let id = format!("{kind}-{number}-{}", made % actors);
                    answered(client.call_json("attacker", &id, "run", &turn).await?.status)?;
                    made += 1;
                }
                Ok(made)
            }));
        }
    }
    for guest in HOSTILE {
        let (client, over) = (client.clone(), Arc::clone(over));
        attacks.push(tokio::spawn(async move {
            let mut made = 0;
            while !over.load(Ordering::Relaxed) {
                answered(client.call(guest, "a", "go", "x").await?.status)?;
                made += 1;
            }
            Ok(made)
        }));
    }
    attacks.push(tokio::spawn(uploads(client.clone(), Arc::clone(over))));
    attacks.push(tokio::spawn(half_said(client.clone(), Arc::clone(over))));
    attacks
}

/// Whatever an attack is told, it is told something that the API knows.
fn answered(status: u16) -> anyhow::Result<()> {
    anyhow::ensure!([200, 429, 500, 503, 504, 507].contains(&status), "an attack was answered with {status}");
    Ok(())
}

/// Types that come and go, and uploads that are none.
async fn uploads(client: Client, over: Arc<AtomicBool>) -> anyhow::Result<usize> {
    let mut made = 0;
    while !over.load(Ordering::Relaxed) {
        let name = format!("passing-{}", made % 4);
        client.deploy(&name, hostile::component("recurses")?).await?.expect(201);
        client
            .deploy(&name, guests::component("probe")?[..1_000].to_vec())
            .await?
            .refused(422, "component-rejected");
        client.delete(&format!("/v1/actor-types/{name}?purge=true")).await?.expect(204);
        made += 1;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(made)
}

/// Connections that say half a request.
async fn half_said(client: Client, over: Arc<AtomicBool>) -> anyhow::Result<usize> {
    let address = client.base().trim_start_matches("http://").to_owned();
    let mut made = 0;
    while !over.load(Ordering::Relaxed) {
        let mut open = Vec::new();
        for _ in 0..HALF_SAID {
            let mut stream = TcpStream::connect(&address).await?;
            stream
                .write_all(b"POST /v1/actors/attacker/a/get HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9")
                .await?;
            open.push(stream);
        }
        made += open.len();
        tokio::time::sleep(PAUSE * 50).await;
    }
    Ok(made)
}
