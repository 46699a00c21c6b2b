//! What lives, as plain data.

use std::fmt;

use crate::json;
use crate::stack::Frame;

/// The live blocks of a [`Leaks`](crate::Leaks), by the place that allocated them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeakReport {
    /// Places with live blocks, most bytes first.
    pub sites: Vec<LeakSite>,
    /// Live blocks that were remembered (all, or a sample).
    pub live_blocks: u64,
    /// Their bytes.
    pub live_bytes: u64,
    /// Those of them whose place did not fit into the table of places, or could not be found out.
    pub unattributed_blocks: u64,
    /// Their bytes.
    pub unattributed_bytes: u64,
    /// Blocks that did not fit into the table of blocks, ever: whether they live is not known.
    pub untracked_blocks: u64,
    /// Their bytes.
    pub untracked_bytes: u64,
    /// 1: all blocks; otherwise a sample, those with every n-th byte.
    pub every_bytes: u64,
}

/// A place in the program with live blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeakSite {
    /// Its live blocks.
    pub live_blocks: u64,
    /// Their bytes.
    pub live_bytes: u64,
    /// All blocks it ever allocated (of those remembered).
    pub blocks: u64,
    /// The place, innermost first; at most [`MAX_FRAMES`](crate::MAX_FRAMES) addresses.
    pub frames: Vec<Frame>,
}

impl LeakReport {
    /// As a JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let sites = self.sites.iter().map(|site| {
            let LeakSite { live_blocks, live_bytes, blocks, frames } = site;
            let frames = json::list(frames.iter().map(Frame::to_json));
            format!(
                "{{\"live_blocks\":{live_blocks},\"live_bytes\":{live_bytes},\
                 \"blocks\":{blocks},\"frames\":{frames}}}"
            )
        });
        let Self { live_blocks, live_bytes, unattributed_blocks, unattributed_bytes, .. } = self;
        let Self { untracked_blocks, untracked_bytes, every_bytes, .. } = self;
        format!(
            "{{\"live_blocks\":{live_blocks},\"live_bytes\":{live_bytes},\
             \"unattributed_blocks\":{unattributed_blocks},\
             \"unattributed_bytes\":{unattributed_bytes},\
             \"untracked_blocks\":{untracked_blocks},\"untracked_bytes\":{untracked_bytes},\
             \"every_bytes\":{every_bytes},\"sites\":{}}}",
            json::list(sites)
        )
    }
}

impl fmt::Display for LeakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes live in {} blocks", self.live_bytes, self.live_blocks)?;
        if self.every_bytes > 1 {
            write!(f, ", of a sample: those with every {}th byte", self.every_bytes)?;
        }
        writeln!(f)?;
        if self.unattributed_blocks > 0 {
            let (blocks, bytes) = (self.unattributed_blocks, self.unattributed_bytes);
            writeln!(f, "{blocks} of them ({bytes} bytes) of places beyond the table")?;
        }
        if self.untracked_blocks > 0 {
            let (blocks, bytes) = (self.untracked_blocks, self.untracked_bytes);
            writeln!(f, "not counted: {blocks} blocks ({bytes} bytes) beyond the table")?;
        }
        for site in &self.sites {
            let LeakSite { live_blocks, live_bytes, blocks, frames } = site;
            writeln!(f, "{live_bytes} bytes in {live_blocks} of {blocks} blocks from")?;
            frames.iter().try_for_each(|frame| writeln!(f, "    {frame}"))?;
        }
        Ok(())
    }
}
