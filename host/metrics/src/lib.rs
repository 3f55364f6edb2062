//! What a host counts, for Prometheus: every name, every label and every bucket is in this file.
//!
//! No label has a value that a client or a guest chooses. Actors' ids, methods, paths and keys are in none, so a scrape is
//! as large as the API, the table of error codes and the deployed actor types make it, whatever the traffic.
//! Counting takes no more than a short lock, and nothing here waits.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::{ActorType, Code};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, LabelSetEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Registry, Unit};

/// The media type of [`Metrics::text`], that of `OpenMetrics` 1.0.0.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of what takes time, in seconds: from a turn in memory to one that uses up its deadline.
const SECONDS: [f64; 13] =
    [0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0];

/// Upper bounds of how many turns one transaction holds.
const TURNS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// What one node counts, and the server before it.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    request_seconds: Family<Labels<1>, Histogram, fn() -> Histogram>,
    /// The one route that is measured, so that nobody looks it up.
    call_seconds: Histogram,
    refusals: Family<Labels<2>, Counter>,
    commit_seconds: Histogram,
    commit_turns: Histogram,
    failed_commits: Counter,
}

/// The route of requests that come to none of the API's.
pub const NONE: &str = "none";

/// The route of calls, as the API describes it.
pub const CALLS: &str = "/v1/actors/{type}/{id}/{method}";

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("greenroom");
        let request_seconds = Family::new_with_constructor(seconds as fn() -> Histogram);
        registry.register_with_unit(
            "http_request",
            "From a request's headers to the answer's, by route",
            Unit::Seconds,
            request_seconds.clone(),
        );
        let call_seconds = request_seconds.get_or_create(&of_route(CALLS)).clone();
        let refusals = Family::default();
        registry.register("http_errors", "Answers above 399, by code", refusals.clone());
        let commit_seconds = seconds();
        registry.register_with_unit(
            "commit",
            "Writing one transaction until it is durable",
            Unit::Seconds,
            commit_seconds.clone(),
        );
        let commit_turns = Histogram::new(TURNS);
        registry.register("commit_turns", "Turns in one transaction", commit_turns.clone());
        let failed_commits = Counter::default();
        registry.register("failed_commits", "Transactions that failed", failed_commits.clone());
        Metrics {
            registry,
            request_seconds,
            call_seconds,
            refusals,
            commit_seconds,
            commit_turns,
            failed_commits,
        }
    }
}

impl Metrics {
    /// A request was answered, with a problem of that code if with any. `route` is a path of the API as it
    /// describes itself, with names for what differs, or [`NONE`].
    pub fn answered(&self, route: &str, took: Duration, problem: Option<Code>) {
        if route == CALLS {
            self.call_seconds.observe(took.as_secs_f64());
        } else {
            self.request_seconds.get_or_create(&of_route(route)).observe(took.as_secs_f64());
        }
        if let Some(code) = problem {
            self.refusals.get_or_create(&of_code(code)).inc();
        }
    }

    /// A transaction of so many turns is durable.
    pub fn committed(&self, turns: usize, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
        self.commit_turns.observe(turns as f64);
    }

    /// A transaction failed, or its outcome is unknown.
    pub fn commit_failed(&self) {
        self.failed_commits.inc();
    }

    /// Everything, as [`CONTENT_TYPE`] says.
    pub fn text(&self, now: Now) -> String {
        let mut of_now = Registry::with_prefix("greenroom");
        of_now.register_collector(Box::new(now));
        let mut text = String::new();
        let written = text::encode_registry(&mut text, &self.registry)
            .and_then(|()| text::encode_registry(&mut text, &of_now))
            .and_then(|()| text::encode_eof(&mut text));
        written.expect("a string takes everything");
        text
    }
}

/// What the turns and messages of one actor type come to, for as long as it is deployed.
#[derive(Debug)]
pub struct TypeMetrics {
    turn_seconds: Histogram,
    /// By place in [`Code::ALL`].
    failed_turns: Vec<Counter>,
    retries: Counter,
    dead_letters: Counter,
}

impl Default for TypeMetrics {
    fn default() -> Self {
        TypeMetrics {
            turn_seconds: seconds(),
            failed_turns: Code::ALL.iter().map(|_| Counter::default()).collect(),
            retries: Counter::default(),
            dead_letters: Counter::default(),
        }
    }
}

impl TypeMetrics {
    /// A turn is over; `failure` says why it left no trace.
    pub fn turn_is_over(&self, took: Duration, failure: Option<Code>) {
        self.turn_seconds.observe(took.as_secs_f64());
        let place = failure.and_then(|code| Code::ALL.iter().position(|known| *known == code));
        if let Some(count) = place.and_then(|place| self.failed_turns.get(place)) {
            count.inc();
        }
    }

    /// A delivery failed, and is tried again unless it was the last.
    pub fn delivery_failed(&self, was_last: bool) {
        let count = if was_last { &self.dead_letters } else { &self.retries };
        count.inc();
    }
}

/// What is so at the moment of a scrape.
#[derive(Debug)]
pub struct Now {
    /// Deployed actor types, each with how many of its actors are in memory.
    pub types: Vec<(ActorType, Arc<TypeMetrics>, usize)>,
    /// The version of Greenroom.
    pub version: String,
    /// Sandboxes in memory.
    pub sandboxes: usize,
    /// Turns that wait for a sandbox.
    pub waiting_for_sandboxes: usize,
    /// Resident memory of the process.
    pub resident_bytes: u64,
    /// Bytes of compiled code in memory.
    pub code_bytes: u64,
    /// Bytes of the database's file.
    pub database_bytes: u64,
    /// Bytes of it which nothing needs.
    pub database_free_bytes: u64,
}

impl Now {
    /// One counter of each type.
    fn count(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        of: impl Fn(&TypeMetrics) -> &Counter,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (name, metrics, _) in &self.types {
            of(metrics).encode(family.encode_family(&of_type(name))?)?;
        }
        Ok(())
    }
}

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let types = || self.types.iter().map(|(name, metrics, active)| (of_type(name), metrics, *active));

        let mut turns = encoder.encode_descriptor(
            "turn",
            "One turn, by actor type.",
            Some(&Unit::Seconds),
            Histogram::TYPE,
        )?;
        for (labels, metrics, _) in types() {
            metrics.turn_seconds.encode(turns.encode_family(&labels)?)?;
        }
        let mut failed = encoder.encode_descriptor(
            "failed_turns",
            "Turns that left no trace, by actor type and code.",
            None,
            MetricType::Counter,
        )?;
        for (name, metrics, _) in &self.types {
            let met = Code::ALL.iter().zip(&metrics.failed_turns).filter(|(_, count)| count.get() > 0);
            for (code, count) in met {
                let labels = Labels([
                    ("actor_type", name.to_string()),
                    ("code", code.as_str().into()),
                    ("source", code.source().as_str().into()),
                ]);
                count.encode(failed.encode_family(&labels)?)?;
            }
        }
        self.count(
            &mut encoder,
            "delivery_retries",
            "Failed deliveries of messages and reminders that are tried again, by actor type.",
            |metrics| &metrics.retries,
        )?;
        self.count(
            &mut encoder,
            "dead_letters",
            "Messages and firings that were given up, by actor type.",
            |metrics| &metrics.dead_letters,
        )?;
        let mut active = encoder.encode_descriptor(
            "active_actors",
            "Actors in memory, by actor type.",
            None,
            MetricType::Gauge,
        )?;
        for (labels, _, count) in types() {
            active.encode_family(&labels)?.encode_gauge(&(count as u64))?;
        }
        let version = Labels([("version", self.version.clone())]);
        let help = "The version that runs.";
        let mut build = encoder.encode_descriptor("build_info", help, None, MetricType::Gauge)?;
        build.encode_family(&version)?.encode_gauge(&1_u64)?;
        for (name, help, unit, value) in [
            ("sandboxes", "Sandboxes in memory.", None, self.sandboxes as u64),
            (
                "turns_waiting_for_sandboxes",
                "Turns that wait for a sandbox.",
                None,
                self.waiting_for_sandboxes as u64,
            ),
            ("code", "Compiled code in memory.", Some(&Unit::Bytes), self.code_bytes),
            ("resident_memory", "Resident memory of the process.", Some(&Unit::Bytes), self.resident_bytes),
            ("database", "The database's file.", Some(&Unit::Bytes), self.database_bytes),
            (
                "database_free",
                "What of the database's file nothing needs.",
                Some(&Unit::Bytes),
                self.database_free_bytes,
            ),
        ] {
            ConstGauge::new(value).encode(encoder.encode_descriptor(
                name,
                help,
                unit,
                MetricType::Gauge,
            )?)?;
        }
        Ok(())
    }
}

/// The labels of one series.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Labels<const N: usize>([(&'static str, String); N]);

impl<const N: usize> EncodeLabelSet for Labels<N> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }
}

fn of_route(route: &str) -> Labels<1> {
    Labels([("route", route.into())])
}

fn of_type(name: &ActorType) -> Labels<1> {
    Labels([("actor_type", name.to_string())])
}

fn of_code(code: Code) -> Labels<2> {
    Labels([("code", code.as_str().into()), ("source", code.source().as_str().into())])
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What people read about it.
    const DOCUMENT: &str = include_str!("../../../docs/metrics.md");

    fn everything() -> String {
        let metrics = Metrics::default();
        for (route, problem) in [(CALLS, None), (NONE, Some(Code::NotFound)), ("/v1/node", None)] {
            metrics.answered(route, Duration::from_millis(2), problem);
        }
        metrics.committed(3, Duration::from_micros(500));
        metrics.commit_failed();
        let of_type = TypeMetrics::default();
        of_type.turn_is_over(Duration::from_millis(2), None);
        of_type.turn_is_over(Duration::from_secs(200), Some(Code::TurnTimeout));
        of_type.delivery_failed(false);
        of_type.delivery_failed(true);
        metrics.text(Now {
            types: vec![(ActorType::new("task").unwrap(), Arc::new(of_type), 7)],
            version: "1.2.3".into(),
            sandboxes: 5,
            waiting_for_sandboxes: 1,
            resident_bytes: 1 << 20,
            code_bytes: 2 << 20,
            database_bytes: 8 << 20,
            database_free_bytes: 4096,
        })
    }

    #[test]
    fn what_happened_is_what_is_told() {
        let text = everything();
        for line in [
            "greenroom_http_request_seconds_count{route=\"/v1/actors/{type}/{id}/{method}\"} 1",
            "greenroom_http_request_seconds_sum{route=\"/v1/node\"} 0.002",
            "greenroom_http_errors_total{code=\"not-found\",source=\"client\"} 1",
            "greenroom_commit_seconds_count 1",
            "greenroom_commit_turns_bucket{le=\"2.0\"} 0",
            "greenroom_commit_turns_bucket{le=\"4.0\"} 1",
            "greenroom_failed_commits_total 1",
            "greenroom_turn_seconds_count{actor_type=\"task\"} 2",
            "greenroom_turn_seconds_bucket{le=\"100.0\",actor_type=\"task\"} 1",
            "greenroom_failed_turns_total{actor_type=\"task\",code=\"turn-timeout\",source=\"guest\"} 1",
            "greenroom_delivery_retries_total{actor_type=\"task\"} 1",
            "greenroom_dead_letters_total{actor_type=\"task\"} 1",
            "greenroom_active_actors{actor_type=\"task\"} 7",
            "greenroom_build_info{version=\"1.2.3\"} 1",
            "greenroom_sandboxes 5",
            "greenroom_turns_waiting_for_sandboxes 1",
            "greenroom_code_bytes 2097152",
            "greenroom_resident_memory_bytes 1048576",
            "greenroom_database_bytes 8388608",
            "greenroom_database_free_bytes 4096",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn every_metric_is_documented_and_no_other() {
        let text = everything();
        let told = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        // OpenMetrics names a counter without what its samples end in.
        let documented: BTreeSet<&str> =
            rows.map(|name| name.strip_suffix("_total").unwrap_or(name)).collect();
        let told: BTreeSet<&str> = told.collect();
        assert_eq!(told, documented);
    }

    #[test]
    fn no_label_is_anything_that_somebody_chooses() {
        for line in everything().lines().filter(|line| !line.starts_with('#')) {
            let labels = line
                .split_once('{')
                .and_then(|(_, labels)| labels.rsplit_once("\"} "))
                .map(|(labels, _)| labels);
            for label in labels.into_iter().flat_map(|labels| labels.split("\",")) {
                let name = label.split('=').next().unwrap_or_default();
                let known = ["route", "code", "source", "actor_type", "version", "le"];
                assert!(known.contains(&name), "{name} in {line}");
            }
        }
    }
}
