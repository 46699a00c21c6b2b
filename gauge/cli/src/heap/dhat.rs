//! DHAT's file format, version 2, which `dh_view.html` of valgrind opens.
//!
//! Times are allocations: lifetimes, the end, the peak. A place that reallocates has the blocks from then on, so that its blocks and
//! bytes are at least as many as it had at one time.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use super::profile::{Profile, name};

/// Blocks that live shorter are short-lived, as the viewer says.
const SHORT: u64 = 10;

#[derive(Serialize)]
struct File<'a> {
    #[serde(rename = "dhatFileVersion")]
    version: u32,
    mode: &'a str,
    verb: &'a str,
    bklt: bool,
    bkacc: bool,
    tu: &'a str,
    #[serde(rename = "Mtu")]
    mtu: &'a str,
    tuth: u64,
    cmd: String,
    pid: u32,
    te: u64,
    tg: u64,
    pps: Vec<Point>,
    ftbl: Vec<String>,
}

#[derive(Serialize)]
struct Point {
    tb: u64,
    tbk: u64,
    tl: u64,
    mb: u64,
    mbk: u64,
    gb: u64,
    gbk: u64,
    eb: u64,
    ebk: u64,
    fs: Vec<usize>,
}

/// Writes it.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let unsigned = |count: i64| u64::try_from(count).unwrap_or(0);
    let points = profile.sites.iter().map(|site| {
        let counts = &site.counts;
        let (mb, mbk) = (unsigned(counts.max_bytes), unsigned(counts.max_blocks));
        Point {
            tb: counts.bytes.max(mb),
            tbk: (counts.allocations + counts.reallocations).max(mbk),
            tl: counts.lifetime,
            mb,
            mbk,
            gb: unsigned(counts.peak_bytes).min(mb),
            gbk: unsigned(counts.peak_blocks),
            eb: unsigned(counts.live_bytes).min(mb),
            ebk: unsigned(counts.live_blocks),
            // The first entry of the table is the root.
            fs: site.stack.iter().map(|frame| frame + 1).collect(),
        }
    });
    let frames =
        profile.frames.iter().map(|frame| format!("{:#x}: {}", frame.address, name(frame)));
    let process = &profile.snapshot.process;
    let file = File {
        version: 2,
        mode: "heap",
        verb: "Allocated",
        bklt: true,
        bkacc: false,
        tu: "allocs",
        mtu: "Mallocs",
        tuth: SHORT,
        cmd: process.command.join(" "),
        pid: process.pid,
        te: profile.snapshot.sites.allocations,
        tg: profile.snapshot.sites.peak_at_allocation,
        pps: points.collect(),
        ftbl: std::iter::once("[root]".to_owned()).chain(frames).collect(),
    };
    serde_json::to_writer(out, &file)?;
    Ok(())
}
