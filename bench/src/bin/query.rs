//! Three common queries through `Store::sql`, beside DuckDB on the same rows, call by call.
//!
//! `pip install duckdb==2.0.0 pyarrow && cargo run --release -p tidemill-bench --bin query`

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use tidemill::import::{ImportOptions, Input, import};
use tidemill::query::QueryResult;
use tidemill::query::output::{Format, ResultWriter};
use tidemill::workload::Format as Text;
use tidemill::{Options, Scan, ScannedRows, Store, TimeRange, Values};
use tidemill_bench::{median, tsbs_cpu};

/// Times queries over TSBS cpu-only data (100 hosts, a row each 10 s), warm, interleaved.
#[derive(Parser)]
struct Args {
    /// Hours of data.
    #[arg(long, default_value_t = 72)]
    hours: u32,
    /// Times each query is asked, after three unmeasured ones.
    #[arg(long, default_value_t = 31)]
    runs: usize,
    /// Leave DuckDB out.
    #[arg(long)]
    alone: bool,
    /// Where the data is kept.
    #[arg(long, default_value = "target/bench-data")]
    data: PathBuf,
}

/// Name, our SQL, DuckDB's in every form we know; the fastest counts.
const QUERIES: [(&str, &str, &[&str]); 3] = [
    (
        "last row of each host",
        "SELECT DISTINCT ON (hostname) * FROM cpu ORDER BY hostname, time DESC",
        &[
            "SELECT c.* FROM cpu c JOIN (SELECT hostname, max(time) AS time FROM cpu GROUP BY hostname) m \
             USING (hostname, time)",
            "SELECT * FROM cpu WHERE (hostname, time) IN (SELECT (hostname, max(time)) FROM cpu GROUP BY hostname)",
            "SELECT * FROM cpu QUALIFY row_number() OVER (PARTITION BY hostname ORDER BY time DESC) = 1",
            "SELECT unnest(arg_max(cpu, time)) FROM cpu GROUP BY hostname",
            "SELECT DISTINCT ON (hostname) * FROM cpu ORDER BY hostname, time DESC",
        ],
    ),
    (
        "avg of 1 metric by host and hour over 12 h",
        "SELECT date_bin(interval '1 hour', time) AS hour, hostname, avg(usage_user) FROM cpu \
         WHERE time >= '2016-01-01T06:00:00Z' AND time < '2016-01-01T18:00:00Z' \
         GROUP BY hour, hostname ORDER BY hour, hostname",
        &[
            "SELECT time_bucket(interval '1 hour', time) AS hour, hostname, avg(usage_user) FROM cpu \
             WHERE time >= '2016-01-01T06:00:00' AND time < '2016-01-01T18:00:00' \
             GROUP BY hour, hostname ORDER BY hour, hostname",
            "SELECT date_trunc('hour', time) AS hour, hostname, avg(usage_user) FROM cpu \
             WHERE time >= '2016-01-01T06:00:00' AND time < '2016-01-01T18:00:00' \
             GROUP BY hour, hostname ORDER BY hour, hostname",
        ],
    ),
    (
        "max of 1 metric for 1 host by minute over 1 h",
        "SELECT date_bin(interval '1 minute', time) AS minute, max(usage_user) FROM cpu \
         WHERE hostname = 'host_42' AND time >= '2016-01-01T06:30:00Z' AND time < '2016-01-01T07:30:00Z' \
         GROUP BY minute ORDER BY minute",
        &[
            "SELECT time_bucket(interval '1 minute', time) AS minute, max(usage_user) FROM cpu \
             WHERE hostname = 'host_42' AND time >= '2016-01-01T06:30:00' AND time < '2016-01-01T07:30:00' \
             GROUP BY minute ORDER BY minute",
            "SELECT date_trunc('minute', time) AS minute, max(usage_user) FROM cpu \
             WHERE hostname = 'host_42' AND time >= '2016-01-01T06:30:00' AND time < '2016-01-01T07:30:00' \
             GROUP BY minute ORDER BY minute",
        ],
    ),
];

fn main() -> Result<()> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.data)?;
    let csv = tsbs_cpu(&args.data, 100, args.hours, Text::Csv)?;
    let dir = tempfile::tempdir_in(&args.data)?;
    let store = Store::open(dir.path(), Options::default())?;
    let options = ImportOptions { table: Some("cpu".into()), ..ImportOptions::default() };
    import(store.inner(), &Input::File(csv.clone()), &options, &mut ())?;
    let mut peer = if args.alone { None } else { Some(Peer::start(&csv)?) };
    for (name, ours, forms) in QUERIES {
        let theirs = match &mut peer {
            Some(peer) => peer.fastest(forms)?,
            None => "",
        };
        let (mut our_times, mut new_times, mut their_times) = (Vec::new(), Vec::new(), Vec::new());
        let mut executed_by = None;
        for run in 0..args.runs + 3 {
            let start = Instant::now();
            let result = store.sql(ours)?;
            let ms = start.elapsed().as_secs_f64() * 1e3;
            executed_by = Some(result.executed_by());
            let rows = result.rows();
            // The same as another text, which is planned anew.
            let start = Instant::now();
            let same_rows = store.sql(&format!("{ours} LIMIT {}", 1_000_000 + run))?.rows();
            let new_ms = start.elapsed().as_secs_f64() * 1e3;
            ensure!(rows == same_rows, "{name}: {rows} rows, then {same_rows}");
            ensure!(rows > 0, "{name}: no rows");
            if let Some(peer) = &mut peer {
                let (their_ms, their_rows, their_sum) = peer.ask(theirs)?;
                ensure!(rows == their_rows, "{name}: {rows} rows, DuckDB {their_rows}");
                let sum = sum_of_last_column(&result)?;
                let is_same = (sum - their_sum).abs() <= 1e-9 * their_sum.abs();
                ensure!(is_same, "{name}: the last column sums to {sum}, DuckDB {their_sum}");
                if run >= 3 {
                    their_times.push(their_ms);
                }
            }
            if run >= 3 {
                our_times.push(ms);
                new_times.push(new_ms);
            }
        }
        let (ours, new) = (median(our_times), median(new_times));
        let by = executed_by.map(|by| by.to_string()).unwrap_or_default();
        match peer {
            None => println!("{name}: {ours:.3} ms ({by}), {new:.3} ms as a new statement"),
            Some(_) => {
                let theirs = median(their_times);
                println!(
                    "{name}: {ours:.3} ms ({by}), {new:.3} ms as a new statement; DuckDB {theirs:.3} ms: {:.1} and {:.1} times faster",
                    theirs / ours,
                    theirs / new
                );
            }
        }
    }
    without_sql(&store, args.runs)
}

/// The last of the queries by the library's own scan: what it takes when it is warm.
fn without_sql(store: &Store, runs: usize) -> Result<()> {
    let (name, sql, _) = QUERIES[QUERIES.len() - 1];
    let answer = store.sql(sql)?;
    let (rows, sum) = (answer.rows(), sum_of_last_column(&answer)?);
    let mut times = Vec::new();
    for run in 0..runs + 3 {
        let start = Instant::now();
        let maxima = maxima_by_minute(store)?;
        let us = start.elapsed().as_secs_f64() * 1e6;
        let total = maxima.iter().map(|(_, max)| *max as f64).sum::<f64>();
        ensure!((maxima.len(), total) == (rows, sum), "{name}: {maxima:?}, SQL says {sum}");
        if run >= 3 {
            times.push(us);
        }
    }
    println!("{name}, by `Store::scan` and a loop: {:.1} µs (goal: 50 µs)", median(times));
    Ok(())
}

/// Minutes, and the greatest value in each.
fn maxima_by_minute(store: &Store) -> Result<Vec<(i64, i64)>> {
    const MINUTE_NS: i64 = 60_000_000_000;
    // 2016-01-01T06:30:00Z, and an hour later.
    let from = 1_451_629_800_000_000_000;
    let scan = Scan {
        range: TimeRange::new(from, from + 60 * MINUTE_NS - 1),
        fields: Some(vec!["usage_user".to_owned()]),
        tags: vec![("hostname".to_owned(), "host_42".to_owned())],
    };
    let mut maxima: Vec<(i64, i64)> = Vec::new();
    let (mut scanned, mut rows) = (store.scan("cpu", &scan)?, ScannedRows::default());
    while scanned.next_into(&mut rows)? {
        let Some(Values::Int(values)) = rows.columns.first().map(|column| column.values()) else {
            anyhow::bail!("usage_user is no column of integers");
        };
        for (time, value) in rows.times.iter().zip(values) {
            let minute = time - time.rem_euclid(MINUTE_NS);
            match maxima.last_mut() {
                Some((last, max)) if *last == minute => *max = *value.max(max),
                _ => maxima.push((minute, *value)),
            }
        }
    }
    Ok(maxima)
}

/// To compare answers by.
fn sum_of_last_column(result: &QueryResult) -> Result<f64> {
    let mut writer = ResultWriter::new(Format::Csv, result.schema(), Vec::new())?;
    for batch in result.batches() {
        writer.write(batch)?;
    }
    let text = String::from_utf8(writer.finish()?)?;
    let last = text.lines().skip(1).map(|line| line.rsplit(',').next().unwrap_or_default());
    last.map(|value| Ok(value.parse::<f64>()?)).sum()
}

/// A DuckDB in a process of its own, which times itself.
struct Peer {
    _child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Peer {
    fn start(csv: &Path) -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/duckdb_peer.py");
        let threads = std::thread::available_parallelism()?.to_string();
        let mut child = Command::new("python3")
            .arg(script)
            .arg(csv)
            .arg(threads)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("python3 with the packages duckdb and pyarrow is needed, or --alone")?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        let (Some(to), Some(from)) = (to, from) else { anyhow::bail!("no pipes") };
        let mut peer = Self { _child: child, to, from: BufReader::new(from) };
        let ready = peer.line()?;
        println!("DuckDB {}", between(&ready, "\"ready\": \"", "\"").unwrap_or("did not start"));
        Ok(peer)
    }

    /// The fastest of some forms of a query, each asked five times.
    fn fastest<'q>(&mut self, forms: &[&'q str]) -> Result<&'q str> {
        let mut timed = Vec::new();
        for form in forms {
            let times = (0..5).map(|_| Ok(self.ask(form)?.0)).collect::<Result<Vec<_>>>()?;
            timed.push((median(times), *form));
        }
        timed.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all: Vec<String> = timed.iter().map(|(ms, _)| format!("{ms:.1}")).collect();
        println!("DuckDB's forms of the next: {} ms", all.join(", "));
        timed.first().map(|(_, form)| *form).context("no form")
    }

    /// Milliseconds, rows, and the sum of the last column.
    fn ask(&mut self, sql: &str) -> Result<(f64, usize, f64)> {
        writeln!(self.to, "{{\"sql\": \"{}\"}}", sql.replace('"', "\\\""))?;
        let answer = self.line()?;
        let number = |key: &str| between(&answer, key, ",").context("no answer from DuckDB");
        let (ms, rows) = (number("\"ms\": ")?.parse()?, number("\"rows\": ")?.parse()?);
        Ok((ms, rows, number("\"sum\": ")?.parse()?))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.from.read_line(&mut line)? > 0, "DuckDB ended");
        Ok(line)
    }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let rest = text.split_once(from)?.1;
    rest.split_once(to).map(|(part, _)| part)
}
