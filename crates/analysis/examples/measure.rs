//! What a report and native plans cost on a store like TSBS' cpu-only: so many hosts, 72 hours of
//! one row every 10 seconds, ten integer fields.
//!
//! ```text
//! cargo run --release -p tidemill-analysis --example measure -- [HOSTS]
//! ```
//!
//! Each figure is the median of five runs, with blocks in the page cache.
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tidemill_analysis::native::{AggregatePlan, Bucket, Call, Function, aggregate, last_rows};
use tidemill_analysis::report::{ImportCounts, Limits, Report};
use tidemill_model::{Batch, FieldType, SeriesKey, TimeRange, Value};
use tidemill_store::{Durability, Options, Store, TableView};

const RUNS: usize = 5;
const ROWS_PER_HOST: i64 = 72 * 360;
const STEP_NS: i64 = 10_000_000_000;
const HOUR_NS: i64 = 360 * STEP_NS;
const FIELDS: usize = 10;

fn main() -> Result<()> {
    let hosts = std::env::args().nth(1).map_or(Ok(100), |hosts| hosts.parse())?;
    let directory = tempfile::tempdir()?;
    let options = Options { durability: Durability::None, ..Options::default() };
    let store = Store::open(directory.path(), options)?;
    fill(&store, hosts)?;
    let snapshot = store.snapshot();
    let view = snapshot.table("cpu").context("the table is there")?;
    println!("{} rows of {FIELDS} fields, {} bytes", view.max_rows(), view.stored_bytes());

    let day = |hour: i64, hours: i64| TimeRange::new(hour * HOUR_NS, (hour + hours) * HOUR_NS - 1);
    let all: Vec<u32> = (0..view.series_count()).collect();
    let bucket = |width_ns| Some(Bucket { origin_ns: 0, width_ns });
    let call = |function, field| Call { function, field };
    let every = |function| (0..FIELDS).map(|field| call(function, field)).collect::<Vec<_>>();
    let minute = HOUR_NS / 60;
    let plan =
        |series: &[u32], range, bucket, group_tags: &[usize], calls: Vec<Call>| AggregatePlan {
            series: series.to_vec(),
            range,
            bucket,
            group_tags: group_tags.to_vec(),
            calls,
        };
    let plans = [
        (
            "max of 1 metric, 1 host, by minute, 1 h",
            plan(&all[..1], day(5, 1), bucket(minute), &[], vec![call(Function::Max, 0)]),
        ),
        (
            "max of 5 metrics, 8 hosts, by minute, 1 h",
            plan(
                &all[..8.min(all.len())],
                day(5, 1),
                bucket(minute),
                &[],
                every(Function::Max)[..5].to_vec(),
            ),
        ),
        (
            "avg of 1 metric, by host and hour, 12 h",
            plan(&all, day(5, 12), bucket(HOUR_NS), &[0], vec![call(Function::Avg, 0)]),
        ),
        (
            "avg of 10 metrics, by host and hour, 12 h",
            plan(&all, day(5, 12), bucket(HOUR_NS), &[0], every(Function::Avg)),
        ),
        (
            "avg of 10 metrics, by hour, all",
            plan(&all, TimeRange::ALL, bucket(HOUR_NS), &[], every(Function::Avg)),
        ),
        (
            "stddev of 10 metrics, by minute, all",
            plan(&all, TimeRange::ALL, bucket(minute), &[], every(Function::Stddev)),
        ),
        (
            "sum of 10 metrics by host, all (stored statistics)",
            plan(&all, TimeRange::ALL, None, &[0], every(Function::Sum)),
        ),
        ("count(*)", plan(&all, TimeRange::ALL, None, &[], vec![call(Function::CountRows, 0)])),
    ];
    for (name, plan) in &plans {
        let groups = aggregate(view, plan, store.budget())?;
        ensure!(groups.len > 0, "{name}: no groups");
        let time = median(|| aggregate(view, plan, store.budget()).map(drop))?;
        println!("{time:>12.1?}  {name}: {} groups, {:?}", groups.len, groups.stats);
    }
    let fields: Vec<usize> = (0..FIELDS).collect();
    let newest = || last_rows(view, &all, TimeRange::ALL, &fields, store.budget());
    ensure!(newest()?.series.len() == all.len(), "every host has a newest row");
    println!("{:>12.1?}  newest row of each host", median(|| newest().map(drop))?);
    report(&store, view)
}

fn report(store: &Store, view: &TableView) -> Result<()> {
    let limits = Limits::default();
    let build = |limits: &Limits| {
        Report::build(&store.snapshot(), limits, &ImportCounts::default(), store.budget())
    };
    let whole = build(&limits)?;
    ensure!(whole.rows == view.max_rows(), "every row is reported");
    println!("{:>12.1?}  report", median(|| build(&limits).map(drop))?);
    let without = Limits { max_judged_cells: 0, min_cells_per_series: 0, ..limits };
    println!("{:>12.1?}  report with few anomalies sought", median(|| build(&without).map(drop))?);
    for anomaly in whole.anomalies.iter().take(3) {
        println!("{} {} score {:.1}", anomaly.series, anomaly.field, anomaly.score);
    }
    Ok(())
}

fn median<E>(mut run: impl FnMut() -> Result<(), E>) -> Result<Duration, E> {
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let started = Instant::now();
        run()?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok(times[RUNS / 2])
}

/// Random walks between 0 and 100.
fn fill(store: &Store, hosts: usize) -> Result<()> {
    let mut batch = Batch::new();
    let at = batch.table("cpu");
    let mut writer = store.writer();
    let mut random = 1u64;
    let mut walks = vec![50i64; hosts * FIELDS];
    for row in 0..ROWS_PER_HOST {
        let table = &mut batch.tables_mut()[at];
        let columns: Vec<usize> =
            (0..FIELDS).map(|field| table.column(&format!("f{field}"), FieldType::Int)).collect();
        let mut key = Vec::new();
        for host in 0..hosts {
            let name = format!("host_{host}");
            SeriesKey::encode(&mut [("host", &name)], &mut key)?;
            let series = table.series(&key);
            for (field, column) in columns.iter().enumerate() {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let walk = &mut walks[host * FIELDS + field];
                *walk =
                    (*walk + (random >> 62) as i64 - 1 - (random >> 60 & 1) as i64).clamp(0, 100);
                table.set(*column, Value::Int(*walk));
            }
            table.end_row(series, Some(row * STEP_NS), 0);
        }
        if row % 500 == 499 || row + 1 == ROWS_PER_HOST {
            batch.tables_mut()[at].finish();
            writer.write(&mut batch)?;
        }
    }
    store.flush()?;
    store.compact()?;
    Ok(())
}
