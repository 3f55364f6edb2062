//! What an actor costs in each language, beside Rust: its component, its compilation, its first call,
//! a warm one, and its memory.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::host::Host;
use greenroom_tests::languages::{LANGUAGES, Language};
use greenroom_tests::statistics::{median, shown};
use greenroom_tests::wire::{self, Extent};

use crate::Plan;

const PAGE: &str = include_str!("languages.md");

/// Of one language.
#[derive(Default)]
struct Figures {
    component_bytes: u64,
    compiled: Duration,
    first_calls: Vec<f64>,
    echoes: Vec<f64>,
    increments: Vec<f64>,
    alone: Vec<f64>,
    actor_bytes: u64,
}

/// The middle of each figure.
struct Row {
    first_call: Duration,
    echoes: f64,
    increments: f64,
    alone: Duration,
}

impl Figures {
    fn row(&self) -> Row {
        Row {
            first_call: Duration::from_secs_f64(median(self.first_calls.clone())),
            echoes: median(self.echoes.clone()),
            increments: median(self.increments.clone()),
            alone: Duration::from_secs_f64(median(self.alone.clone())),
        }
    }
}

/// How much of each.
struct Amounts {
    /// New actors in one round of first calls.
    new: u64,
    /// Actors that share the warm calls, and those whose memory is counted.
    actors: u64,
}

/// Measures the languages in turns, prints the table and, if asked to, writes the page.
pub(crate) async fn measure(plan: &Plan, page: Option<&Path>) -> anyhow::Result<()> {
    let amounts = Amounts { new: plan.actors.min(200), actors: plan.actors.min(64) };
    let host = Host::with(Settings::default().limit("idle_timeout", "1h")).await?;
    let address: SocketAddr = host.base().trim_start_matches("http://").parse()?;
    let mut all: Vec<Figures> = Vec::new();
    for language in &LANGUAGES {
        let component = language.component()?;
        let mut figures = Figures { component_bytes: component.len() as u64, ..Figures::default() };
        let begun = Instant::now();
        let reply = host.deploy(language.key, component).await?;
        figures.compiled = begun.elapsed();
        ensure!(reply.status == 201, "{}: {} {}", language.key, reply.status, reply.text());
        all.push(figures);
    }
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        for (language, figures) in LANGUAGES.iter().zip(&mut all) {
            one_round(plan, &amounts, address, (round, language), figures).await?;
        }
    }
    drop(host);
    for (language, figures) in LANGUAGES.iter().zip(&mut all) {
        figures.actor_bytes = memory(language, &amounts).await.with_context(|| language.key)?;
    }
    let table = table(&all)?;
    println!("{} connections, {} rounds of {:?}\n\n{table}", plan.connections, plan.rounds, plan.time);
    if let Some(page) = page {
        let how =
            format!("{} connections, medians of {} rounds of {:?}", plan.connections, plan.rounds, plan.time);
        let profile = if cfg!(debug_assertions) { "development build" } else { "release build" };
        let text = PAGE.replace("{table}", &table).replace("{how}", &how).replace("{profile}", profile);
        std::fs::write(page, text).with_context(|| page.display().to_string())?;
    }
    Ok(())
}

async fn one_round(
    plan: &Plan,
    amounts: &Amounts,
    address: SocketAddr,
    (round, language): (usize, &'static Language),
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let (key, actors) = (language.key, amounts.actors);
    let first = wire::load(address, 1, Extent::Requests(amounts.new), move |number, request| {
        wire::post(request, &format!("/v1/actors/{key}/new-{round}-{number}/run"), body(language, "recall"));
    })
    .await?;
    let alone = wire::load(address, 1, Extent::Time(plan.time), move |_, request| {
        wire::post(request, &format!("/v1/actors/{key}/alone/increment"), "");
    })
    .await?;
    let mut warm = Vec::new();
    for method in ["echo", "increment"] {
        let said = if method == "echo" { body(language, SIXTY_FOUR_BYTES) } else { "" };
        let make = move |number: u64, request: &mut Vec<u8>| {
            wire::post(request, &format!("/v1/actors/{key}/user-{}/{method}", number % actors), said);
        };
        wire::load(address, plan.connections, Extent::Requests(actors), make).await?;
        warm.push(wire::load(address, plan.connections, Extent::Time(plan.time), make).await?);
    }
    for outcome in warm.iter().chain([&first, &alone]) {
        ensure!(outcome.refused == 0 && outcome.latencies.count() > 0, "{key}: {outcome:?}");
    }
    figures.first_calls.push(first.latencies.percentile(50.0).as_secs_f64());
    figures.alone.push(alone.latencies.percentile(50.0).as_secs_f64());
    figures.echoes.push(warm[0].per_second());
    figures.increments.push(warm[1].per_second());
    Ok(())
}

/// As a text, and as bytes in JSON where the method is typed.
const SIXTY_FOUR_BYTES: &str = "sixtyfourletterswhichisalsobase64whatashortrequestcarriesinours+";

fn body(language: &Language, text: &'static str) -> &'static str {
    match (language.is_typed(), text) {
        (false, _) => text,
        (true, "recall") => "\"recall\"",
        (true, _) => "\"sixtyfourletterswhichisalsobase64whatashortrequestcarriesinours+\"",
    }
}

/// What one active actor adds to the host's anonymous memory, over several.
async fn memory(language: &Language, amounts: &Amounts) -> anyhow::Result<u64> {
    const WARM: u64 = 4;
    let host = Host::sharing_code(Settings::default().limit("idle_timeout", "1h")).await?;
    host.deploy(language.key, language.component()?).await?.expect(201);
    use_each(&host, language.key, "warm", WARM).await?;
    let before = host.memory()?.anonymous;
    use_each(&host, language.key, "user", amounts.actors).await?;
    Ok(host.memory()?.anonymous.saturating_sub(before) / amounts.actors)
}

async fn use_each(client: &Client, key: &str, name: &str, count: u64) -> anyhow::Result<()> {
    for number in 0..count {
        client.call(key, &format!("{name}-{number}"), "increment", "").await?.expect(200);
    }
    Ok(())
}

fn table(all: &[Figures]) -> anyhow::Result<String> {
    let rust = all.first().context("no languages")?.row();
    let mut table = String::from(
        "| language | written with | toolchain | component | compiled in | first call | warm call | durable call \
         | durable call alone | memory |\n| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (language, figures) in LANGUAGES.iter().zip(all) {
        let row = figures.row();
        writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {:.0}/s ({:.2}) | {:.0}/s ({:.2}) | {} ({:.2}) | {} KiB |",
            language.name,
            language.written.as_str(),
            language.toolchain,
            size(figures.component_bytes),
            shown(figures.compiled),
            shown(row.first_call),
            row.echoes,
            rust.echoes / row.echoes,
            row.increments,
            rust.increments / row.increments,
            shown(row.alone),
            row.alone.as_secs_f64() / rust.alone.as_secs_f64(),
            figures.actor_bytes >> 10,
        )?;
    }
    Ok(table)
}

fn size(bytes: u64) -> String {
    if bytes < 1_000_000 { format!("{} kB", bytes / 1_000) } else { format!("{:.1} MB", bytes as f64 / 1e6) }
}
