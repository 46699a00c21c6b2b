//! What all observers, sections and counters of a process know, as one JSON object.

use std::fmt::{self, Write};

#[cfg(unix)]
use crate::Log;
#[cfg(unix)]
use crate::Sites;
use crate::{
    Counter, Counters, Histogram, Largest, Leaks, Observed, Peak, Rate, Section, Switch, json,
};
#[cfg(unix)]
use crate::{Log, Sites};

/// The version of a snapshot's fields. Fields may be added under the same number; one that changes its meaning
/// or goes takes the next.
pub const SNAPSHOT_VERSION: u32 = 1;

/// An observer that has something to tell.
pub trait Report {
    /// Writes its members of the snapshot's object, each with a comma before it.
    ///
    /// # Errors
    /// When `out` does not take them.
    fn write_members(&self, out: &mut dyn Write) -> fmt::Result;
}

impl<A, O: Report> Observed<A, O> {
    /// What is known so far, as a JSON object:
    ///
    /// | member | is |
    /// |---|---|
    /// | `gauge_probe` | [`SNAPSHOT_VERSION`] |
    /// | `process` | `pid`, `executable` |
    /// | `sections` | a list of [`SectionCounts`](crate::SectionCounts) |
    /// | `counters` | an object: the value of each [`Counter`] |
    /// | `allocations` | [`Counters`]: the process's [`Counts`](crate::Counts) |
    /// | `peak` | [`Peak`]: `live_bytes`, `peak_live_bytes` |
    /// | `sizes`, `largest`, `leaks`, `rate` | reports of [`Histogram`], [`Largest`], [`Leaks`], [`Rate`] |
    /// | `log` | [`Log`](crate::Log): `lost_lines` |
    /// | `sites` | [`Sites`](crate::Sites) |
    ///
    /// Of the observers those that the allocator has.
    #[must_use]
    pub fn snapshot(&self) -> String {
        let mut out = String::new();
        // A string takes whatever is written.
        let _ = self.write_snapshot(&mut out);
        out
    }

    fn write_snapshot(&self, out: &mut dyn Write) -> fmt::Result {
        let executable = std::env::current_exe().unwrap_or_default();
        let executable = json::quoted(&executable.to_string_lossy());
        let pid = std::process::id();
        write!(out, "{{\"gauge_probe\":{SNAPSHOT_VERSION}")?;
        write!(out, ",\"process\":{{\"pid\":{pid},\"executable\":{executable}}}")?;
        let sections = Section::all();
        write!(out, ",\"sections\":{}", json::list(sections.iter().map(|s| s.to_json())))?;
        out.write_str(",\"counters\":{")?;
        for (number, (name, value)) in Counter::all().into_iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            write!(out, "{comma}{}:{value}", json::quoted(name))?;
        }
        out.write_str("}")?;
        self.observer().write_members(out)?;
        out.write_str("}")
    }
}

impl Report for Counters {
    fn write_members(&self, out: &mut dyn Write) -> fmt::Result {
        write!(out, ",\"allocations\":{}", Self::process().to_json())
    }
}

impl Report for Peak {
    fn write_members(&self, out: &mut dyn Write) -> fmt::Result {
        let (live, peak) = (self.live_bytes(), self.peak_live_bytes());
        write!(out, ",\"peak\":{{\"live_bytes\":{live},\"peak_live_bytes\":{peak}}}")
    }
}

impl Report for Histogram {
    fn write_members(&self, out: &mut dyn Write) -> fmt::Result {
        write!(out, ",\"sizes\":{}", self.report().to_json())
    }
}

impl<const N: usize> Report for Largest<N> {
    fn write_members(&self, out: &mut dyn Write) -> fmt::Result {
        write!(out, ",\"largest\":{}", self.report().to_json())
    }
}

impl<const BLOCKS: usize, const SITES: usize> Report for Leaks<BLOCKS, SITES> {
    fn write_members(&self, out: &mut dyn Write) -> fmt::Result {
        write!(out, ",\"leaks\":{}", self.report().to_json())
    }
}

impl<const N: usize> Report for Rate<N> {
    fn write_members(&self, out: &mut dyn Write) -> fmt::Result {
        write!(out, ",\"rate\":{}", self.report().to_json())
    }
}

#[cfg(unix)]
impl Report for Log {
    fn write_members(&self, out: &mut dyn Write) -> fmt::Result {
        write!(out, ",\"log\":{{\"lost_lines\":{}}}", self.lost_lines())
    }
}

#[cfg(unix)]
impl Report for Sites {
    fn write_members(&self, out: &mut dyn Write) -> fmt::Result {
        out.write_str(",\"sites\":")?;
        self.write_json(out)
    }
}

impl<O: Report> Report for Switch<O> {
    fn write_members(&self, out: &mut dyn Write) -> fmt::Result {
        self.observer().write_members(out)
    }
}

macro_rules! tuple {
    ($($name:ident $index:tt),*) => {
        impl<$($name: Report),*> Report for ($($name,)*) {
            fn write_members(&self, out: &mut dyn Write) -> fmt::Result {
                $(self.$index.write_members(out)?;)*
                Ok(())
            }
        }
    };
}

tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
