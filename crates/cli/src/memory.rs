//! `--profile-memory`: what each stage of a command allocates.

use std::alloc::System;
use std::io::Write;
use std::time::Duration;

use gauge_probe::{Counters, Counts, Observed, Peak, Section, Switch};

use crate::render::text;

/// The system's allocator, watched when a command is asked to: until then a request costs a load more.
#[global_allocator]
static ALLOCATOR: Observed<System, Switch<(Counters, Peak)>> =
    Observed::with(System, Switch::new((Counters, Peak::new())));

/// Lets `EXPLAIN ANALYZE` turn it on.
pub(crate) fn offer() {
    ALLOCATOR.observer().offer();
}

/// A command whose memory is watched.
pub(crate) struct Profile {
    before: Counts,
}

impl Profile {
    /// Begins, if it is asked for.
    pub(crate) fn start(is_asked: bool) -> Option<Self> {
        is_asked.then(|| {
            Section::start_all();
            ALLOCATOR.observer().start();
            Self { before: Counters::process() }
        })
    }

    /// Ends, and prints the stages in the order in which they first ran.
    pub(crate) fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        let all = Counters::process() - self.before;
        let peak = ALLOCATOR.observer().observer().1.peak_live_bytes();
        Section::stop_all();
        ALLOCATOR.observer().stop();
        let mut table = text::table(&["stage", "calls", "thread seconds", "allocations", "bytes"]);
        let (mut allocations, mut bytes) = (0, 0);
        for stage in Section::all() {
            let own = stage.own;
            allocations += own.allocations;
            bytes += own.bytes;
            table.add_row([
                stage.name.to_owned(),
                text::count(stage.calls),
                seconds(own.duration()),
                text::count(own.allocations),
                text::bytes(own.bytes),
            ]);
        }
        let mut add = |name: &str, allocations: u64, bytes: u64| {
            let none = String::new;
            let (allocations, bytes) = (text::count(allocations), text::bytes(bytes));
            table.add_row([name.to_owned(), none(), none(), allocations, bytes]);
        };
        let elsewhere = (all.requests().saturating_sub(allocations), all.bytes_allocated);
        add("elsewhere", elsewhere.0, elsewhere.1.saturating_sub(bytes));
        add("all", all.requests(), all.bytes_allocated);
        writeln!(out, "{table}")?;
        let peak = text::bytes(u64::try_from(peak).unwrap_or(0));
        writeln!(out, "at most {peak} of it were in use at one time")
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}
