//! Mutates inputs in this process, with libFuzzer's arguments and words where they mean the same:
//! `tidemill-fuzz-sql [-runs=N] [-max_total_time=SECONDS] [-artifact_prefix=FOLDER/] [CORPUS…]`.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use tidemill_fuzz_sql::{Ground, statement};

/// What ran is said every so often, so that it is known of a run that is ended.
const PULSE: Duration = Duration::from_secs(60);
/// A statement may take this long.
const MAX_SECONDS: u64 = 20;
const MAX_BYTES: usize = 160;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let (mut runs, mut seconds, mut prefix) = (u64::MAX, u64::MAX, PathBuf::from("."));
    let mut corpus = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("-runs", number)) => runs = number.parse()?,
            Some(("-max_total_time", number)) => seconds = number.parse()?,
            Some(("-artifact_prefix", folder)) => prefix = folder.into(),
            Some(_) => {}
            None => corpus.push(PathBuf::from(argument)),
        }
    }
    let mut inputs: Vec<Vec<u8>> = Vec::new();
    for entry in corpus.iter().flat_map(std::fs::read_dir).flatten() {
        inputs.push(std::fs::read(entry?.path())?);
    }
    let (to_worker, jobs) = channel::<Vec<u8>>();
    let (to_us, kinds) = channel();
    std::thread::Builder::new().stack_size(8 << 20).spawn(move || {
        let Ok(ground) = Ground::new() else { return };
        for input in jobs {
            let text = statement(&input);
            let checked =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ground.check(&text)));
            if to_us.send(checked.ok()).is_err() {
                return;
            }
        }
    })?;
    let (mut known, mut kept, mut random) = (HashSet::new(), Vec::new(), Random::new());
    let (start, mut done, mut added, mut findings) = (Instant::now(), 0u64, 0u64, 0);
    let mut pulse = start;
    let folder = corpus.first();
    while done < runs && start.elapsed().as_secs() < seconds && findings < 20 {
        let input = inputs.pop();
        let is_given = input.is_some();
        let input = input.unwrap_or_else(|| random.mutated(&kept));
        // A stack that overflows ends the process: what ran is found here.
        let running = prefix.join("running");
        std::fs::write(&running, &input)?;
        to_worker.send(input.clone())?;
        let kind = match kinds.recv_timeout(Duration::from_secs(MAX_SECONDS)) {
            Ok(kind) => kind,
            Err(RecvTimeoutError::Disconnected) => return Err("no store to ask".into()),
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("panicked at a timeout of {MAX_SECONDS} s: {}", statement(&input));
                std::fs::rename(&running, prefix.join(format!("timeout-{done}")))?;
                return Ok(ExitCode::from(70));
            }
        };
        std::fs::remove_file(&running)?;
        done += 1;
        if pulse.elapsed() >= PULSE {
            pulse = Instant::now();
            let rate = done / start.elapsed().as_secs().max(1);
            eprintln!("#{done} pulse cov: {} exec/s: {rate} findings: {findings}", known.len());
        }
        match kind {
            None => {
                eprintln!("found by: {}", statement(&input));
                std::fs::write(prefix.join(format!("crash-{:016x}", random.hash(&input))), &input)?;
                findings += 1;
            }
            Some(kind) if !known.contains(&kind) => {
                known.insert(kind);
                if let (Some(folder), false) = (folder, is_given) {
                    std::fs::write(folder.join(format!("{:016x}", random.hash(&input))), &input)?;
                }
                added += u64::from(!is_given);
                kept.push(input);
            }
            Some(_) => {}
        }
    }
    eprintln!("#{done} DONE cov: {0} ft: {0}", known.len());
    eprintln!("stat::number_of_executed_units: {done}\nstat::new_units_added: {added}");
    Ok(if findings == 0 { ExitCode::SUCCESS } else { ExitCode::from(77) })
}

/// SplitMix64, from the clock.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self(now.map_or(1, |now| now.as_nanos() as u64))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        let mix = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
        bytes.iter().fold(0xCBF2_9CE4_8422_2325, mix)
    }

    /// A new input, or a change of one that was kept.
    fn mutated(&mut self, kept: &[Vec<u8>]) -> Vec<u8> {
        if kept.is_empty() || self.below(3) == 0 {
            let length = 8 + self.below(MAX_BYTES - 8);
            return (0..length).map(|_| self.next() as u8).collect();
        }
        let mut input = kept[self.below(kept.len())].clone();
        for _ in 0..=self.below(4) {
            let (at, byte) = (self.below(input.len() + 1), self.next() as u8);
            match self.below(4) {
                0 if at < input.len() => input[at] = byte,
                1 if input.len() < MAX_BYTES => input.insert(at, byte),
                2 if at < input.len() => drop(input.remove(at)),
                _ => {
                    let other = &kept[self.below(kept.len())];
                    input.truncate(at);
                    input.extend(other.iter().skip(at).copied());
                }
            }
        }
        input
    }
}
