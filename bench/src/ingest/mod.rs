//! Ingestion beside that of other engines: the same bytes for all, and what came of them counted on every side.
//!
//! * [`files`]: what is loaded. * [`ours`]: a load or an opening of ours, in a process of its own.
//! * [`peers`]: engines in Python, and servers, which [`send`] feeds. * [`clock`]: what the kernel says of a process.
//! * [`workloads`]: who loads what. * [`alone`]: what is ours alone. * [`table`]: what is printed.

pub mod alone;
pub mod clock;
pub mod files;
pub mod ours;
pub mod peers;
pub mod send;
pub mod table;
pub mod workloads;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// What one load took, and what is there after it.
#[derive(Clone, Debug)]
pub struct Load {
    /// From the first byte that is read until everything is committed (of a server: until it shows).
    pub seconds: f64,
    /// Processor seconds of the one who sends; NaN where nobody does.
    pub client: f64,
    /// Processor seconds of the one who loads, all threads.
    pub cpu: f64,
    /// Processor seconds of everyone on this machine meanwhile.
    pub machine: f64,
    /// The most memory it had.
    pub peak_bytes: f64,
    /// What lies on the disk; NaN where it was not asked.
    pub stored_bytes: f64,
    /// Values that it holds, if it says so.
    pub values: u64,
    /// Rows that came after a later one of their series, if it says so.
    pub late: u64,
    /// Milliseconds from sending to being acknowledged, of each request, ascending; none of a file.
    pub times: Vec<f64>,
    /// One for each field that was asked for.
    pub found: Vec<Found>,
}

impl Load {
    /// Processors that were busy for others meanwhile, on average.
    #[must_use]
    pub fn others(&self) -> f64 {
        let own = self.cpu + if self.client.is_nan() { 0.0 } else { self.client };
        ((self.machine - own) / self.seconds).max(0.0)
    }

    /// One as a process tells it.
    ///
    /// # Errors
    /// When it tells less.
    pub fn read(told: &Value) -> Result<Self> {
        Ok(Self {
            seconds: number(told, "seconds")?,
            client: f64::NAN,
            cpu: number(told, "cpu")?,
            machine: number(told, "machine")?,
            peak_bytes: number(told, "peak")?,
            stored_bytes: number(told, "stored").unwrap_or(f64::NAN),
            values: told["values"].as_u64().unwrap_or(0),
            late: told["late"].as_u64().unwrap_or(0),
            times: told["times"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_f64)
                .collect(),
            found: Found::read(&told["found"])?,
        })
    }
}

/// A number in what a process tells.
///
/// # Errors
/// When there is none of the name.
pub fn number(told: &Value, name: &str) -> Result<f64> {
    told[name].as_f64().with_context(|| format!("no number {name} in {told}"))
}

/// What an engine holds of a field: how many values, and their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Found {
    /// Values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

impl Found {
    /// A list of counts and sums.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(told: &Value) -> Result<Vec<Self>> {
        let list = told.as_array().with_context(|| format!("no list: {told}"))?;
        let read = |pair: &Value| {
            let sum = pair[1].as_f64().with_context(|| format!("no sum: {told}"))?;
            let count = pair[0].as_u64().with_context(|| format!("no count: {told}"))?;
            Ok(Self { count, sum })
        };
        list.iter().map(read).collect()
    }
}

/// A table and a field of it.
pub type Field = (&'static str, &'static str);

/// That two sides hold the same; sums of floats depend on their order, a little.
///
/// # Errors
/// What they differ in.
pub fn same(fields: &[Field], ours: &[Found], theirs: &[Found]) -> Result<()> {
    ensure!(ours.len() == fields.len() && theirs.len() == fields.len(), "not all were counted");
    for (((table, field), a), b) in fields.iter().zip(ours).zip(theirs) {
        let is_close = (a.sum - b.sum).abs() <= 1e-9 * a.sum.abs().max(b.sum.abs());
        ensure!(a.count == b.count && is_close, "{table}.{field}: we hold {a:?}, they {b:?}");
        ensure!(a.count > 0, "{table}.{field}: there is nothing");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_row_and_a_wrong_sum_are_seen() {
        let fields = [("cpu", "usage_user")];
        let found = Found { count: 3, sum: 6.0 };
        let check = |other| same(&fields, &[found], &[other]).is_ok();
        assert!(check(Found { sum: 6.000_000_000_1, ..found }));
        assert!(!check(Found { count: 2, ..found }) && !check(Found { sum: 6.001, ..found }));
        assert!(same(&fields, &[found], &[]).is_err());
        let nothing = Found::default();
        assert!(same(&fields, &[nothing], &[nothing]).is_err());
    }
}
