//! What the preloaded library writes.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The version of the snapshots that are understood: `gauge_probe::SNAPSHOT_VERSION`.
pub const VERSION: u32 = 1;

/// A process at its end.
#[derive(Debug, Clone, Deserialize)]
pub struct Snapshot {
    /// Which process, and how it ended.
    pub process: Process,
    /// `/proc/self/maps`.
    pub maps: String,
    /// What was counted.
    pub sites: Sites,
}

/// A process.
#[derive(Debug, Clone, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The file that ran.
    pub executable: String,
    /// Its arguments, with its name.
    pub command: Vec<String>,
    /// `exit`, or the name of a signal.
    pub ended: String,
}

/// What `gauge_probe::Sites` counted; see there.
#[derive(Debug, Clone, Deserialize)]
pub struct Sites {
    /// From the start to the snapshot, nanoseconds.
    pub elapsed_ns: u64,
    /// Blocks allocated.
    pub allocations: u64,
    /// Bytes allocated.
    pub bytes: u64,
    /// Blocks that live.
    pub live_blocks: i64,
    /// Their bytes.
    pub live_bytes: i64,
    /// The most bytes that lived at one time.
    pub peak_bytes: i64,
    /// Allocations that had been made then.
    pub peak_at_allocation: u64,
    /// Blocks for which there was no room.
    pub untracked_blocks: u64,
    /// Blocks whose end was not seen.
    pub displaced_blocks: u64,
    /// Allocations whose stack was unwound by tables.
    pub unwound: u64,
    /// The shortest lifetime of each class, in allocations.
    pub lifetimes_from: Vec<u64>,
    /// Blocks by size.
    pub sizes: Vec<Size>,
    /// How it went.
    pub timeline: Vec<Point>,
    /// Places.
    pub sites: Vec<Site>,
}

/// Blocks of about one size.
#[derive(Debug, Clone, Deserialize)]
pub struct Size {
    /// The smallest size in it, bytes.
    pub smallest: u64,
    /// The largest one.
    pub largest: u64,
    /// Blocks that got such a size.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those that have it still.
    pub live_blocks: u64,
}

/// What had been done by some time.
#[derive(Debug, Clone, Deserialize)]
pub struct Point {
    /// Since the start, nanoseconds.
    pub at_ns: u64,
    /// Blocks allocated since the start.
    pub allocations: u64,
    /// Bytes allocated since the start.
    pub bytes: u64,
    /// Bytes that were live.
    pub live_bytes: i64,
}

/// What one place did.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Site {
    /// Blocks that it allocated.
    pub allocations: u64,
    /// Blocks that it reallocated.
    pub reallocations: u64,
    /// Bytes of what it allocated, and what it let blocks grow by.
    pub bytes: u64,
    /// Its blocks that live.
    pub live_blocks: i64,
    /// Their bytes.
    pub live_bytes: i64,
    /// Its blocks at the peak.
    pub peak_blocks: i64,
    /// Their bytes.
    pub peak_bytes: i64,
    /// Its blocks when its own bytes were most.
    pub max_blocks: i64,
    /// Their bytes.
    pub max_bytes: i64,
    /// The sum of the lifetimes of its blocks that are gone, in allocations.
    pub lifetime: u64,
    /// Those blocks by lifetime.
    pub lifetimes: Vec<u64>,
    /// Return addresses, innermost first.
    #[serde(deserialize_with = "addresses")]
    pub addresses: Vec<u64>,
}

/// Hexadecimal strings: a JSON number has not always 64 bits.
fn addresses<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    let texts: Vec<String> = Deserialize::deserialize(deserializer)?;
    let parse = |text: &String| {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        u64::from_str_radix(digits, 16).map_err(serde::de::Error::custom)
    };
    texts.iter().map(parse).collect()
}

impl Snapshot {
    /// Reads one.
    ///
    /// # Errors
    /// When it is none, is cut off, or has another version.
    pub fn read(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            gauge_probe: u32,
        }
        let head: Head = serde_json::from_str(text).context("the snapshot is damaged")?;
        ensure!(
            head.gauge_probe == VERSION,
            "the snapshot's version is {}, not {VERSION}: preload the library of this cargo-gauge",
            head.gauge_probe
        );
        serde_json::from_str(text).context("the snapshot is damaged")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_and_half_a_snapshot_are_refused() {
        let error = Snapshot::read("{\"gauge_probe\":2}").unwrap_err().to_string();
        assert!(error.contains("version is 2, not 1"), "{error}");
        let error = Snapshot::read("{\"gauge_probe\":1,\"process\"").unwrap_err().to_string();
        assert!(error.contains("damaged"), "{error}");
    }
}
