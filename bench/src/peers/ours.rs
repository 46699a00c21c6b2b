//! Our own side: a store in this process, asked in SQL.

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tidemill::import::{ImportOptions, Input, import};
use tidemill::query::QueryResult;
use tidemill::{Options, Store};

use super::answer::Answer;
use super::spec::{Kind, QUANTILE, Query};

/// A store with the data.
pub struct Ours {
    store: Store,
    _folder: tempfile::TempDir,
}

/// What an engine said, and when.
pub struct Told {
    /// Milliseconds.
    pub ms: f64,
    /// The answer, where it was asked for.
    pub answer: Option<Answer>,
    /// Who answered, or in what formulation.
    pub form: String,
}

impl Ours {
    /// Imports a file into a new store below `folder`, durably.
    ///
    /// # Errors
    /// When that fails, or leaves rows out.
    pub fn load(file: &Path, rows: u64, folder: &Path) -> Result<Self> {
        let folder = tempfile::tempdir_in(folder)?;
        let store = Store::open(folder.path(), Options::default())?;
        let options = ImportOptions { table: Some("cpu".into()), ..ImportOptions::default() };
        let report = import(store.inner(), &Input::File(file.to_owned()), &options, &mut ())?;
        ensure!((report.rows, report.bad_rows) == (rows, 0), "{report:?}");
        Ok(Self { store, _folder: folder })
    }

    /// Asks a query, as a text that is parsed and planned anew.
    ///
    /// # Errors
    /// When it fails.
    pub fn ask(&self, query: &Query, is_kept: bool) -> Result<Told> {
        let text = sql(query)?;
        let start = Instant::now();
        let result = self.store.sql(&text)?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        let answer = is_kept.then(|| read(&result, query).context(text)).transpose()?;
        Ok(Told { ms, answer, form: result.executed_by().to_string() })
    }
}

fn read(result: &QueryResult, query: &Query) -> Result<Answer> {
    Answer::read(result.schema(), result.batches(), &query.columns)
}

/// A query as we are asked it.
fn sql(query: &Query) -> Result<String> {
    let condition = condition(query)?;
    let Query { metrics, function, rows, .. } = query;
    let columns = query.columns.join(", ");
    Ok(match query.kind {
        Kind::Buckets | Kind::BucketsByHost | Kind::LatestBuckets => {
            let mut values = String::new();
            for metric in *metrics {
                write!(values, ", {function}({metric}) AS {function}_{metric}")?;
            }
            let width = query.bucket;
            let by = if query.kind == Kind::BucketsByHost { ", hostname" } else { "" };
            let order = match query.kind {
                Kind::LatestBuckets => "bucket DESC LIMIT 5".to_owned(),
                _ => format!("bucket{by}"),
            };
            format!(
                "SELECT date_bin(INTERVAL '{width} seconds', time) AS bucket{by}{values} FROM cpu{condition} \
                 GROUP BY bucket{by} ORDER BY {order}"
            )
        }
        Kind::Rows => format!("SELECT {columns} FROM cpu{condition}"),
        Kind::Last => {
            format!("SELECT DISTINCT ON (hostname) {columns} FROM cpu ORDER BY hostname, time DESC")
        }
        Kind::Statistics => {
            let mut values = String::from("count(*) AS rows");
            for metric in *metrics {
                for function in ["min", "max", "avg"] {
                    write!(values, ", {function}({metric}) AS {function}_{metric}")?;
                }
            }
            format!("SELECT {values} FROM cpu")
        }
        Kind::Percentile => format!(
            "SELECT hostname, percentile_cont({QUANTILE}) WITHIN GROUP (ORDER BY {}) AS value FROM cpu \
             GROUP BY hostname ORDER BY hostname",
            metrics[0]
        ),
        Kind::MovingAverage => format!(
            "SELECT time, hostname, avg({}) OVER (PARTITION BY hostname ORDER BY time ROWS BETWEEN {} PRECEDING \
             AND CURRENT ROW) AS value FROM cpu{condition}",
            metrics[0],
            rows - 1
        ),
        Kind::Top => format!(
            "SELECT hostname, avg({}) AS value FROM cpu GROUP BY hostname ORDER BY value DESC, hostname LIMIT {rows}",
            metrics[0]
        ),
    })
}

fn condition(query: &Query) -> Result<String> {
    let mut parts = Vec::new();
    match query.hosts.as_slice() {
        [] => {}
        [host] => parts.push(format!("hostname = '{host}'")),
        hosts => parts.push(format!("hostname IN ('{}')", hosts.join("', '"))),
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
    Ok(if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) })
}
