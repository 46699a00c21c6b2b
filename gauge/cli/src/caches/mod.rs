//! What this machine's caches do: their sizes as the kernel says, latency and bandwidth by working set, and the
//! levels that the curve shows.

pub mod cachegrind;
pub mod kernel;
pub mod levels;
pub mod measure;
pub mod svg;
pub mod table;

/// What is measured of a working set.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Bytes that are gone through.
    pub bytes: usize,
    /// One figure a pass: nanoseconds a load, or bytes a second.
    pub passes: Vec<f64>,
}

impl Point {
    /// The median of the passes.
    pub fn median(&self) -> f64 {
        crate::stats::median(&self.passes)
    }

    /// How far the middle half of the passes lies apart, as a share of the median.
    pub fn spread(&self) -> f64 {
        let mut sorted = self.passes.clone();
        sorted.sort_by(f64::total_cmp);
        let quartile = |q| crate::stats::quantile(&sorted, q);
        (quartile(0.75) - quartile(0.25)) / quartile(0.5)
    }
}

/// What is done with memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Each line loaded.
    Read,
    /// Each line stored to.
    Write,
    /// One half loaded and stored into the other.
    Copy,
}

impl Work {
    /// All of it.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Copy];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Copy => "copy",
        }
    }
}

/// Bandwidth by working set.
#[derive(Debug, Clone)]
pub struct Bandwidth {
    /// What was done.
    pub work: Work,
    /// How many cores did it at once, each in a working set of its own.
    pub cores: usize,
    /// Bytes moved a second by all of them together; a copy of a byte counts as two, one loaded and one stored.
    pub points: Vec<Point>,
}

/// All that was measured.
#[derive(Debug, Clone, Default)]
pub struct Ladder {
    /// Nanoseconds a dependent load in pages of 4 KiB.
    pub small: Vec<Point>,
    /// The same in pages of 2 MiB; empty where the kernel gave none.
    pub huge: Vec<Point>,
    /// Bandwidth: one core and then all, each read, write, copy.
    pub bandwidth: Vec<Bandwidth>,
}

impl Ladder {
    /// The curve that levels are taken from: what least shows the cost of finding pages.
    pub fn curve(&self) -> &[Point] {
        if self.huge.is_empty() { &self.small } else { &self.huge }
    }
}

/// Bytes with their unit: `48 KiB`, `1.4 MiB`.
pub fn size(bytes: usize) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let Some((unit, shift)) = units.iter().find(|(_, shift)| bytes >> shift > 0) else {
        return format!("{bytes} B");
    };
    let value = bytes as f64 / (1u64 << shift) as f64;
    if value < 10.0 && value.fract() > 0.04 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}
