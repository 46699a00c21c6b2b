//! How many labelled anomalies the detector finds in the real series of the Numenta Anomaly
//! Benchmark (Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms", 2015).
//!
//! ```text
//! cargo run --release -p tidemill-analysis --example nab -- DIRECTORY
//! ```
//!
//! `DIRECTORY` holds the benchmark's `real*/*.csv` and `anomaly_windows.json` (file → begin and
//! end of each labelled window). For each file: how many of its windows the k best stretches
//! touch, and how many of these stretches touch a window, for k = the number of windows, 3, 5, 10.
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;
use tidemill_analysis::anomaly::{self, Stretch};
use tidemill_analysis::{Cell, Points};

const MAX_CELLS: usize = 4096;

#[derive(Default)]
struct Tally {
    windows: usize,
    windows_hit: usize,
    stretches: usize,
    stretches_hitting: usize,
}

fn main() -> Result<()> {
    let directory = std::env::args().nth(1).context("name the directory of the benchmark")?;
    let directory = Path::new(&directory);
    let labels = fs::read_to_string(directory.join("anomaly_windows.json"))?;
    let labels: Value = serde_json::from_str(&labels)?;
    let (mut tallies, mut spent) = (<[Tally; 4]>::default(), Duration::ZERO);
    println!("windows hit, stretches that hit one; for as many as there are windows, 3, 5, 10");
    for (file, windows) in labels.as_object().context("an object of files")? {
        let windows = windows.as_array().context("an array of windows")?;
        let windows = windows.iter().map(window).collect::<Result<Vec<_>>>()?;
        let rows = read(&directory.join(file))?;
        let started = Instant::now();
        let found = detect(&rows);
        spent += started.elapsed();
        for (tally, k) in tallies.iter_mut().zip([windows.len(), 3, 5, 10]) {
            let one = tally_of(&found[..found.len().min(k)], &windows);
            print!("{}/{} ", one.windows_hit, one.windows);
            print!("{}/{}   ", one.stretches_hitting, one.stretches);
            tally.windows += one.windows;
            tally.windows_hit += one.windows_hit;
            tally.stretches += one.stretches;
            tally.stretches_hitting += one.stretches_hitting;
        }
        println!("{file}");
    }
    for (tally, k) in tallies.iter().zip(["as many", "3", "5", "10"]) {
        let recall = tally.windows_hit as f64 / tally.windows as f64;
        let precision = tally.stretches_hitting as f64 / tally.stretches as f64;
        println!(
            "top {k}: {} of {} windows ({recall:.2}), precision {precision:.2}",
            tally.windows_hit, tally.windows
        );
    }
    println!("detection took {spent:?}");
    Ok(())
}

fn time(text: &str) -> Result<i64> {
    let time: DateTime = text.replace(' ', "T").parse()?;
    Ok(time.to_zoned(TimeZone::UTC)?.timestamp().as_nanosecond().try_into()?)
}

fn window(pair: &Value) -> Result<(i64, i64)> {
    let end = |index: usize| time(pair[index].as_str().context("a time")?);
    Ok((end(0)?, end(1)?))
}

fn read(path: &Path) -> Result<Vec<(i64, f64)>> {
    let text = fs::read_to_string(path)?;
    let row = |line: &str| {
        let (at, value) = line.split_once(',').context("two columns")?;
        Ok((time(at)?, value.parse()?))
    };
    let mut rows = text.lines().skip(1).map(row).collect::<Result<Vec<_>>>()?;
    rows.sort_by_key(|row| row.0);
    Ok(rows)
}

fn detect(rows: &[(i64, f64)]) -> Vec<Stretch> {
    let mut deltas: Vec<i64> = rows.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    deltas.sort_unstable();
    deltas.retain(|delta| *delta > 0);
    let interval = deltas.get(deltas.len() / 2).copied();
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Vec::new() };
    let mut points = Points::new(first.0, last.0, interval, MAX_CELLS);
    for (time, value) in rows {
        let cell = points.cell(*time);
        points.cells[cell].merge(&Cell::of(*value));
    }
    anomaly::stretches(&points, 10)
}

fn tally_of(stretches: &[Stretch], windows: &[(i64, i64)]) -> Tally {
    let touch = |stretch: &Stretch, window: &(i64, i64)| {
        stretch.start <= window.1 && window.0 <= stretch.end
    };
    let is_hit = |window: &&(i64, i64)| stretches.iter().any(|stretch| touch(stretch, window));
    let hits = |stretch: &&Stretch| windows.iter().any(|window| touch(stretch, window));
    Tally {
        windows: windows.len(),
        windows_hit: windows.iter().filter(is_hit).count(),
        stretches: stretches.len(),
        stretches_hitting: stretches.iter().filter(hits).count(),
    }
}
