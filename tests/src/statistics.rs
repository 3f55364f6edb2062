//! Figures of a run: percentiles and medians.

use std::fmt;
use std::time::Duration;

/// How long many requests took.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    sorted: Vec<Duration>,
}

impl From<Vec<Duration>> for Latencies {
    fn from(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Latencies { sorted: all }
    }
}

impl Latencies {
    /// How many.
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The time within which so many percent of them came back.
    pub fn percentile(&self, percent: f64) -> Duration {
        let rank = (percent / 100.0 * self.sorted.len() as f64).ceil() as usize;
        let index = rank.clamp(1, self.sorted.len().max(1)) - 1;
        self.sorted.get(index).copied().unwrap_or_default()
    }
}

/// The middle of the figures; of an even number of them, the upper of the two in the middle.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// A duration in a unit that suits it: `850 us`, `1.25 ms`, `2.0 s`.
pub fn shown(time: Duration) -> impl fmt::Display {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 1_000.0 {
        format!("{micros:.0} us")
    } else if micros < 1_000_000.0 {
        format!("{:.2} ms", micros / 1e3)
    } else {
        format!("{:.1} s", micros / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_figures_that_were_seen() {
        let latencies: Latencies =
            (1..=100).rev().map(Duration::from_millis).collect::<Vec<Duration>>().into();
        assert_eq!(latencies.percentile(50.0), Duration::from_millis(50));
        assert_eq!(latencies.percentile(99.0), Duration::from_millis(99));
        assert_eq!(latencies.percentile(100.0), Duration::from_millis(100));
        assert_eq!(Latencies::default().percentile(99.0), Duration::ZERO);
    }

    #[test]
    fn the_median_ignores_order() {
        assert!((median(vec![9.0, 1.0, 5.0]) - 5.0).abs() < f64::EPSILON);
    }

    #[test]
    fn units_suit() {
        let shown = |micros| shown(Duration::from_micros(micros)).to_string();
        assert_eq!([shown(850), shown(1_250), shown(2_000_000)], ["850 us", "1.25 ms", "2.0 s"]);
    }
}
