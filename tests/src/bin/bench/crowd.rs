//! Ten thousand actors of a language with a large runtime, served in turn within a memory budget.

use std::time::Duration;

use greenroom_tests::config::Settings;
use greenroom_tests::crowd;
use greenroom_tests::host::Host;
use greenroom_tests::languages::language;
use greenroom_tests::statistics::shown;

const ROUNDS: u64 = 2;
const CONNECTIONS: usize = 16;

/// Serves them, prints what it took, and fails when anything was lost.
pub(crate) async fn serve(key: &str, actors: u64, budget: &str) -> anyhow::Result<()> {
    let language = language(key)?;
    let settings = Settings::default().limit("memory_bytes", budget).limit("idle_timeout", "1h");
    let host = Host::sharing_code(settings).await?;
    host.deploy(language.key, language.component()?).await?.expect(201);
    let served = crowd::serve(&host, language.key, actors, ROUNDS, CONNECTIONS).await?;
    let each = Duration::from_secs_f64(served.took.as_secs_f64() / (actors * ROUNDS) as f64);
    println!(
        "{actors} actors in {}, {ROUNDS} rounds of one durable call each, within {budget}: {} in all, {} a call; the \
         host had at most {} MiB of its own; every count is right",
        language.name,
        shown(served.took),
        shown(each),
        served.most_memory >> 20
    );
    Ok(())
}
