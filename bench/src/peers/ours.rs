//! Our own side: a store in this process, asked in SQL.

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tidemill::import::{ImportOptions, Input, import};
use tidemill::query::QueryResult;
use tidemill::{Options, Store};

use super::answer::Answer;
use super::spec::{Kind, QUANTILE, Query};
use crate::ingest::clock::memory_bytes;
use crate::ingest::files::Input as Lines;
use crate::ingest::number;
use crate::ingest::ours::run;
use crate::python::text;

/// A store with the data.
pub struct Ours {
    store: Store,
    _folder: tempfile::TempDir,
}

/// What an engine is asked in its turn.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// First.
    pub query: &'a Query,
    /// Right after it.
    pub again: Option<&'a Query>,
}

/// What an engine said, and when.
pub struct Told {
    /// Milliseconds of the first query.
    pub ms: f64,
    /// Milliseconds of the other one.
    pub again: Option<f64>,
    /// The answer, where it was asked for.
    pub answer: Option<Answer>,
    /// Who answered, or in what formulation.
    pub form: String,
}

/// What another process of ours, which opens the store and asks each query once, takes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Bytes of memory when the store is open.
    pub open: f64,
    /// The most bytes it ever had.
    pub most: f64,
}

impl Ours {
    /// Imports lines into a new store below `folder`, durably; then another process asks these queries.
    ///
    /// # Errors
    /// When that fails, or leaves rows out.
    pub fn load(lines: &Lines, folder: &Path, queries: &[Query]) -> Result<(Self, Memory)> {
        let folder = tempfile::tempdir_in(folder)?;
        let store = Store::open(folder.path(), Options::default())?;
        let file = Input::File(lines.path.clone());
        let report = import(store.inner(), &file, &ImportOptions::default(), &mut ())?;
        ensure!((report.rows, report.bad_rows) == (lines.rows, 0), "{report:?}");
        store.close()?;
        let texts = queries.iter().map(sql).collect::<Result<Vec<_>>>()?;
        let told = run(&json!({ "store": folder.path(), "sql": texts }))?;
        let memory = Memory { open: number(&told, "open")?, most: number(&told, "most")? };
        let store = Store::open(folder.path(), Options::default())?;
        Ok((Self { store, _folder: folder }, memory))
    }

    /// Asks a query, as a text that is parsed and planned anew, and maybe another one after it.
    ///
    /// # Errors
    /// When it fails.
    pub fn ask(&self, asked: Asked<'_>, is_kept: bool) -> Result<Told> {
        let Asked { query, again } = asked;
        let text = sql(query)?;
        let (result, ms) = self.timed(&text)?;
        let answer = is_kept.then(|| read(&result, query).context(text)).transpose()?;
        let form = result.executed_by().to_string();
        drop(result);
        let again = again.map(|query| self.timed(&sql(query)?).map(|(_, ms)| ms)).transpose()?;
        Ok(Told { ms, again, answer, form })
    }

    fn timed(&self, text: &str) -> Result<(QueryResult, f64)> {
        let start = Instant::now();
        let result = self.store.sql(text)?;
        Ok((result, start.elapsed().as_secs_f64() * 1e3))
    }
}

/// Opens a store, asks what it is told to, and tells its memory on standard output.
///
/// # Errors
/// When that fails.
pub fn work(job: &str) -> Result<()> {
    let job: Value = serde_json::from_str(job)?;
    let pid = std::process::id();
    let store = Store::open(text(&job, "store")?, Options::default())?;
    let open = memory_bytes(pid, "VmRSS")?;
    for sql in job["sql"].as_array().context("no sql")? {
        store.sql(sql.as_str().context("no text")?)?;
    }
    println!("{}", json!({ "open": open, "most": memory_bytes(pid, "VmHWM")? }));
    Ok(())
}

fn read(result: &QueryResult, query: &Query) -> Result<Answer> {
    Answer::read(result.schema(), result.batches(), &query.columns)
}

/// A query as we are asked it.
fn sql(query: &Query) -> Result<String> {
    let condition = condition(query)?;
    let Query { table, metrics, functions, rows, .. } = query;
    let (columns, by) = (query.columns.join(", "), query.by.join(", "));
    let from = format!("FROM {table}{condition}");
    Ok(match query.kind {
        Kind::Buckets | Kind::LatestBuckets => {
            let keys: Vec<&str> = ["bucket"].into_iter().chain(query.by.iter().copied()).collect();
            let keys = keys.join(", ");
            let by: String = query.by.iter().map(|tag| format!(", {tag}")).collect();
            let (width, values) = (query.bucket, aggregates(metrics, functions)?);
            let order = match query.kind {
                Kind::LatestBuckets => "bucket DESC LIMIT 5",
                _ => &keys,
            };
            format!(
                "SELECT date_bin(INTERVAL '{width} seconds', time) AS bucket{by}{values} {from} GROUP BY {keys} \
                 ORDER BY {order}"
            )
        }
        Kind::Rows => format!("SELECT {columns} {from}"),
        Kind::Last => {
            format!("SELECT DISTINCT ON ({by}) {columns} {from} ORDER BY {by}, time DESC")
        }
        Kind::Statistics => {
            let values = aggregates(metrics, &["min", "max", "avg"])?;
            format!("SELECT count(*) AS rows{values} {from}")
        }
        Kind::Percentile => format!(
            "SELECT {by}, percentile_cont({QUANTILE}) WITHIN GROUP (ORDER BY {}) AS value {from} GROUP BY {by} \
             ORDER BY {by}",
            metrics[0]
        ),
        Kind::MovingAverage => format!(
            "SELECT time, {by}, avg({}) OVER (PARTITION BY {by} ORDER BY time ROWS BETWEEN {} PRECEDING AND CURRENT \
             ROW) AS value {from}",
            metrics[0],
            rows - 1
        ),
        Kind::Top => format!(
            "SELECT {by}, avg({}) AS value {from} GROUP BY {by} ORDER BY value DESC, {by} LIMIT {rows}",
            metrics[0]
        ),
        Kind::Below => {
            let (mean, below) = (format!("avg({})", metrics[0]), query.below.unwrap_or_default());
            format!("SELECT {by}, {mean} AS value {from} GROUP BY {by} HAVING {mean} < {below}")
        }
    })
}

/// Each function of each metric, with a comma before it.
fn aggregates(metrics: &[&str], functions: &[&str]) -> Result<String> {
    let mut values = String::new();
    for metric in metrics {
        for function in functions {
            let more = if *function == "last" { ", time" } else { "" };
            write!(values, ", {function}({metric}{more}) AS {function}_{metric}")?;
        }
    }
    Ok(values)
}

fn condition(query: &Query) -> Result<String> {
    let mut parts = Vec::new();
    let (tag, values) = &query.among;
    match values.as_slice() {
        [] => {}
        [value] => parts.push(format!("{tag} = '{value}'")),
        values => parts.push(format!("{tag} IN ('{}')", values.join("', '"))),
    }
    for (bound, comparison) in [(query.from, ">="), (query.to, "<")] {
        if let Some(time) = bound {
            let time = jiff::Timestamp::from_nanosecond(i128::from(time))?;
            parts.push(format!("time {comparison} '{time}'"));
        }
    }
    if let Some(above) = query.above {
        parts.push(format!("{} > {above}", query.metrics[0]));
    }
    if let Some(field) = query.has {
        parts.push(format!("{field} IS NOT NULL"));
    }
    Ok(if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) })
}

#[cfg(test)]
mod tests {
    use tidemill::workload::Random;

    use super::super::workload::WORKLOADS;
    use super::*;

    #[test]
    fn queries_are_told_in_sql() -> Result<()> {
        let mut told = Vec::new();
        for workload in &WORKLOADS[1..] {
            let template = &workload.templates[0];
            let (scale, mut random) = (workload.scales[1], Random::new(1));
            told.push(sql(&(template.draw)(template.name, scale, &mut random))?);
        }
        let drawn = told[0].split_once(" WHERE ").zip(told[0].split_once(" GROUP BY "));
        let ((select, _), (_, grouped)) = drawn.context("no condition")?;
        let values = "count(usage_user) AS count_usage_user, avg(usage_user) AS avg_usage_user, \
                      last(usage_user, time) AS last_usage_user";
        assert_eq!(
            select,
            format!(
                "SELECT date_bin(INTERVAL '3600 seconds', time) AS bucket, hostname, {values} FROM cpu"
            )
        );
        assert_eq!(grouped, "bucket, hostname ORDER BY bucket, hostname");
        assert_eq!(
            told[1],
            "SELECT DISTINCT ON (name) time, name, driver, latitude, longitude FROM readings \
             WHERE latitude IS NOT NULL ORDER BY name, time DESC"
        );
        Ok(())
    }
}
