//! Runs every scenario on every server in turns, so that whatever else the machine does meets all
//! of them alike.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use greenroom_tests::config::Settings;
use greenroom_tests::host::Host;
use greenroom_tests::wire::{self, Extent};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::Plan;
use crate::report::{Figures, Table};
use crate::scenario::Scenario;

/// What is measured, in the order of the columns.
const SERVERS: [&str; 3] = ["greenroom", "plain + sqlite", "plain"];

/// Measures the host and both plain servers.
pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let host = Host::with_probe(Settings::default()).await?;
    let file = folder.path().join("plain.db").to_string_lossy().into_owned();
    let (_sqlite, sqlite) = start(&["serve-sqlite", &file]).await?;
    let (_map, map) = start(&["serve-map"]).await?;
    let servers = [address(host.base())?, sqlite, map];

    let mut seen: BTreeMap<(usize, usize), Vec<Figures>> = BTreeMap::new();
    let scenarios = chosen(plan);
    ensure!(!scenarios.is_empty(), "no scenario is called {:?}", plan.only);
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        for (row, scenario) in scenarios.iter().enumerate() {
            for (column, server) in servers.iter().enumerate() {
                let figures = one(plan, *scenario, *server).await?;
                seen.entry((row, column)).or_default().push(figures);
            }
        }
    }
    let mut table = Table::new(&SERVERS);
    for (row, scenario) in scenarios.iter().enumerate() {
        let columns = (0..SERVERS.len()).map(|column| Figures::median(&seen[&(row, column)])).collect();
        table.add(&scenario.name(plan.actors), columns);
    }
    println!("{} connections, {} rounds of {:?}\n\n{table}", plan.connections, plan.rounds, plan.time);
    Ok(())
}

/// Measures a host that runs already and has the probe deployed, or gets it now.
pub(crate) async fn measure_running(plan: &Plan, base: &str) -> anyhow::Result<()> {
    let client = greenroom_tests::client::Client::new(base);
    let deployed = client.deploy("probe", greenroom_tests::guests::component("probe")?).await?;
    ensure!(deployed.status < 300, "{} {}", deployed.status, deployed.text());
    let mut table = Table::new(&SERVERS[..1]);
    for scenario in chosen(plan) {
        let mut seen = Vec::new();
        for _ in 0..plan.rounds {
            seen.push(one(plan, scenario, address(base)?).await?);
        }
        table.add(&scenario.name(plan.actors), vec![Figures::median(&seen)]);
    }
    println!("{table}");
    Ok(())
}

fn chosen(plan: &Plan) -> Vec<Scenario> {
    Scenario::ALL.into_iter().filter(|scenario| scenario.name(plan.actors).contains(&plan.only)).collect()
}

async fn one(plan: &Plan, scenario: Scenario, server: SocketAddr) -> anyhow::Result<Figures> {
    let actors = plan.actors;
    let make = move |number: u64, request: &mut Vec<u8>| scenario.request(number, actors, request);
    if scenario.is_about_active_actors() {
        // The round before may have made them leave memory.
        wire::load(server, plan.connections, Extent::Requests(actors), make).await?;
    }
    let outcome = wire::load(server, plan.connections, Extent::Time(plan.time), make).await?;
    ensure!(
        outcome.refused == 0 && outcome.latencies.count() > 0,
        "{}: {} requests were refused, {} succeeded",
        scenario.name(actors),
        outcome.refused,
        outcome.latencies.count()
    );
    Ok(Figures::from(&outcome))
}

fn address(base: &str) -> anyhow::Result<SocketAddr> {
    base.trim_start_matches("http://")
        .trim_end_matches('/')
        .parse()
        .with_context(|| format!("{base} is no address"))
}

/// Starts this program again as one of the plain servers.
async fn start(arguments: &[&str]) -> anyhow::Result<(Child, SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let output = child.stdout.take().context("no output")?;
    let line = BufReader::new(output).lines().next_line().await?.context("the server ended")?;
    let base = line.strip_prefix("listening on ").context("the server does not say where it is")?;
    let address = address(base)?;
    Ok((child, address))
}
