//! Samples and their statistics.

use std::time::Duration;

/// Measurements of one thing, in one unit.
#[derive(Clone, Debug, Default)]
pub struct Sample(Vec<f64>);

impl Sample {
    /// Adds a time, in milliseconds.
    pub fn took(&mut self, time: Duration) {
        self.push(milliseconds(time));
    }

    pub fn push(&mut self, value: f64) {
        let place = self.0.partition_point(|smaller| *smaller <= value);
        self.0.insert(place, value);
    }

    pub fn median(&self) -> f64 {
        self.percentile(50)
    }

    /// The value that `percent` of all are not above, by the nearest rank; not a number where there is none.
    pub fn percentile(&self, percent: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last * percent + 50) / 100).copied().unwrap_or(f64::NAN)
    }

    /// From the fifth percentile to the ninety-fifth; of few measurements these are the least and the greatest.
    pub fn spread(&self) -> String {
        format!("{}–{}", figure(self.percentile(5)), figure(self.percentile(95)))
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut sample = Self::default();
        values.into_iter().for_each(|value| sample.push(value));
        sample
    }
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Three significant digits, as far as there are so many before the point.
pub fn figure(value: f64) -> String {
    let size = value.abs();
    if size >= 99.95 {
        format!("{value:.0}")
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else if size >= 0.9995 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// The power of the size by which a cost grows, from (size, cost) pairs.
pub fn exponent(small: (f64, f64), large: (f64, f64)) -> f64 {
    (large.1 / small.1).ln() / (large.0 / small.0).ln()
}
