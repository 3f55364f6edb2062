//! The table of figures.

use std::fmt;
use std::time::Duration;

use greenroom_tests::statistics::{median, shown};
use greenroom_tests::wire::Outcome;

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    per_second: f64,
    p50: Duration,
    p99: Duration,
}

impl From<&Outcome> for Figures {
    fn from(outcome: &Outcome) -> Self {
        Figures {
            per_second: outcome.per_second(),
            p50: outcome.latencies.percentile(50.0),
            p99: outcome.latencies.percentile(99.0),
        }
    }
}

impl Figures {
    /// Each figure's median.
    pub(crate) fn median(rounds: &[Figures]) -> Figures {
        let of = |figure: fn(&Figures) -> f64| median(rounds.iter().map(figure).collect());
        Figures {
            per_second: of(|it| it.per_second),
            p50: Duration::from_secs_f64(of(|it| it.p50.as_secs_f64())),
            p99: Duration::from_secs_f64(of(|it| it.p99.as_secs_f64())),
        }
    }
}

/// Scenarios by servers. The first server is the one that the others are compared with.
pub(crate) struct Table {
    servers: Vec<&'static str>,
    rows: Vec<(String, Vec<Figures>)>,
}

impl Table {
    pub(crate) fn new(servers: &[&'static str]) -> Self {
        Table { servers: servers.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, scenario: &str, columns: Vec<Figures>) {
        self.rows.push((scenario.to_owned(), columns));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["scenario", "server", "requests/s", "p50", "p99", "of it"];
        writeln!(
            f,
            "| {:26} | {:14} | {:>10} | {:>9} | {:>9} | {:>6} |",
            head[0], head[1], head[2], head[3], head[4], head[5]
        )?;
        writeln!(f, "|{:-<28}|{:-<16}|{:->11}:|{:->10}:|{:->10}:|{:->7}:|", "", "", "", "", "", "")?;
        for (scenario, columns) in &self.rows {
            for (server, figures) in self.servers.iter().zip(columns) {
                writeln!(
                    f,
                    "| {scenario:26} | {server:14} | {:>10.0} | {:>9} | {:>9} | {:>5.0}% |",
                    figures.per_second,
                    shown(figures.p50).to_string(),
                    shown(figures.p99).to_string(),
                    columns[0].per_second / figures.per_second * 100.0,
                )?;
            }
        }
        if self.servers.len() > 1 {
            writeln!(f, "\n`of it`: the throughput of {} as a share of that server's", self.servers[0])?;
        }
        Ok(())
    }
}
