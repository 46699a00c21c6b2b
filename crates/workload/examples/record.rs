//! Records this machine as line protocol on standard output, a line flushed as soon as it stands.
//!
//! `cargo run --release -p tidemill-workload --example record -- [HOST] [SECONDS] > host.lp`

use std::io::Write;
use std::time::Duration;

use tidemill_workload::{Recorder, record};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut recorder = Recorder::new();
    if let Some(host) = arguments.next() {
        recorder = recorder.with_host(&host);
    }
    let seconds = arguments.next().map_or(Ok(60), |text| text.parse())?;
    let mut output = std::io::stdout().lock();
    record(
        &mut recorder,
        Duration::from_secs(1),
        Some(Duration::from_secs(seconds)),
        || false,
        |lines| output.write_all(lines).and_then(|()| output.flush()),
    )?;
    Ok(())
}
