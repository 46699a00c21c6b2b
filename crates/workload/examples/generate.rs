//! Writes a TSBS data set on standard output, and how fast to standard error.
//!
//! `cargo run --release -p tidemill-workload --example generate -- tsbs-cpu SCALE HOURS [SECONDS] [lp|csv] [TABLE]`
//! with a row every SECONDS, 10 without.

use std::io::Write;
use std::time::{Duration, Instant};

use tidemill_workload::{Format, Generator, Options, UseCase};

/// Rows between two writes.
const ROWS: usize = 4096;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [use_case, scale, hours, rest @ ..] = arguments.as_slice() else {
        return Err("tsbs-cpu|tsbs-devops|tsbs-iot SCALE HOURS [SECONDS] [lp|csv] [TABLE]".into());
    };
    let options = Options {
        scale: scale.parse()?,
        duration: Duration::from_secs(hours.parse::<u64>()? * 3600),
        interval: Duration::from_secs(rest.first().map_or(Ok(10), |text| text.parse())?),
        format: match rest.get(1).map(String::as_str) {
            Some("csv") => Format::Csv,
            _ => Format::LineProtocol,
        },
        table: rest.get(2).cloned(),
        ..Options::new(use_case.parse::<UseCase>()?)
    };
    let mut generator = Generator::new(&options)?;
    let mut output = std::io::stdout().lock();
    let (mut text, mut rows, mut bytes) = (Vec::new(), 0, 0);
    let start = Instant::now();
    loop {
        text.clear();
        let count = generator.write_rows(&mut text, ROWS);
        output.write_all(&text)?;
        rows += count;
        bytes += text.len();
        if count < ROWS {
            break;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let rate = bytes as f64 / seconds / 1e6;
    eprintln!("{rows} rows, {bytes} bytes, {seconds:.2} s, {rate:.0} MB/s");
    Ok(())
}
