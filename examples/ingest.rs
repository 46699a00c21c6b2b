//! Many threads write at once, and every write is on the disk before it returns: those that wait
//! at the same time share one fsync.
//!
//! `cargo run --release -p tidemill --no-default-features --example ingest`

use std::fmt::Write;
use std::thread;
use std::time::{Duration, Instant};

use tidemill::{Durability, Options, Store};

const THREADS: u64 = 4;
const WRITES: u64 = 50;
const LINES_A_WRITE: u64 = 1_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for durability in [Durability::Fsync, Durability::Os] {
        let dir = tempfile::tempdir()?;
        let store = Store::open(dir.path(), Options { durability, ..Options::default() })?;
        let started = Instant::now();
        let mut latencies = thread::scope(|scope| {
            let write = |thread| write_rows(&store, thread);
            let threads: Vec<_> = (0..THREADS).map(|t| scope.spawn(move || write(t))).collect();
            let all = threads.into_iter().flat_map(|thread| thread.join());
            all.flatten().flatten().collect::<Vec<_>>()
        });
        let seconds = started.elapsed().as_secs_f64();
        latencies.sort_unstable();
        let rows = latencies.len() as u64 * LINES_A_WRITE;
        println!(
            "{durability:?}: {rows} rows, {:.0} rows/s, median {:?}, 99 % within {:?}",
            rows as f64 / seconds,
            latencies[latencies.len() / 2],
            latencies[latencies.len() * 99 / 100],
        );
        store.close()?;
    }
    Ok(())
}

/// Writes one thread's rows; returns how long each write took.
fn write_rows(store: &Store, thread: u64) -> Result<Vec<Duration>, tidemill::Error> {
    let mut text = String::new();
    let mut latencies = Vec::new();
    for write in 0..WRITES {
        text.clear();
        for line in 0..LINES_A_WRITE {
            let (device, second) = (line % 100, write * LINES_A_WRITE / 100 + line / 100);
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "power,thread=t{thread},device=d{device} watts={},volts=230i {}",
                device + second % 7,
                second * 1_000_000_000
            );
        }
        let started = Instant::now();
        store.write_line_protocol(text.as_bytes())?;
        latencies.push(started.elapsed());
    }
    Ok(latencies)
}
