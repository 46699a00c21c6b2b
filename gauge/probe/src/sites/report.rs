//! What the sites did, as plain data and as JSON.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidemill_machine::{CycleClock, Cycles, counter};

use super::shard::{LIFETIME_CLASSES, SHARDS, Shard};
use super::totals::Moment;
use super::{Sites, UNKNOWN};
use crate::histogram::{SIZE_CLASSES, SizeClass, bounds};
use crate::json;
use crate::stack::{MAX_FRAMES, Stack};

/// Sites that a printed report shows.
const SHOWN: usize = 20;

/// What one place in the program did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteCounts {
    /// Return addresses, innermost first, 0 where there are no more. The first ones are those of the
    /// allocator. All 0: blocks whose place is not known.
    pub addresses: [usize; MAX_FRAMES],
    /// Blocks that it allocated.
    pub allocations: u64,
    /// Blocks that it reallocated; they are its own since.
    pub reallocations: u64,
    /// Bytes of what it allocated, and what it let blocks grow by.
    pub bytes: u64,
    /// Its blocks that live.
    pub live_blocks: i64,
    /// Their bytes.
    pub live_bytes: i64,
    /// Its blocks that lived when the bytes of the whole program were most.
    pub peak_blocks: i64,
    /// Their bytes.
    pub peak_bytes: i64,
    /// Its blocks when its own bytes were most. (With several threads, the sum of each thread's.)
    pub max_blocks: i64,
    /// Their bytes.
    pub max_bytes: i64,
    /// The sum of the lifetimes of its blocks that are gone, in allocations.
    pub lifetime: u64,
    /// Those blocks by lifetime: from [`lifetime_from`](crate::lifetime_from) of the class on.
    pub lifetimes: [u64; LIFETIME_CLASSES],
}

/// What had been done by some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelinePoint {
    /// Since the start.
    pub at: Duration,
    /// Blocks allocated since the start.
    pub allocations: u64,
    /// Bytes allocated since the start.
    pub bytes: u64,
    /// Bytes that were live.
    pub live_bytes: i64,
}

/// What all places did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteReport {
    /// Since the start.
    pub elapsed: Duration,
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
    /// Blocks for which there was no room; they count as gone at once.
    pub untracked_blocks: u64,
    /// Blocks whose end was not seen, since other means than the allocator's freed them.
    pub displaced_blocks: u64,
    /// Allocations whose stack was unwound by tables: all of them in a program without frame pointers.
    pub unwound: u64,
    /// Places, most bytes at the peak first.
    pub sites: Vec<SiteCounts>,
    /// Blocks by size, smallest first.
    pub sizes: Vec<SizeClass>,
    /// Oldest first.
    pub timeline: Vec<TimelinePoint>,
}

impl Sites {
    /// What was seen so far. Allocates: [`stop`](Self::stop) first, or be part of it.
    #[must_use]
    pub fn report(&self) -> SiteReport {
        let mut report = self.summary();
        report.sites = self.sites().collect();
        report.sites.sort_by_key(|site| std::cmp::Reverse((site.peak_bytes, site.bytes)));
        report.sizes = self.sizes().collect();
        report.timeline = self.timeline().collect();
        report
    }

    /// The report's numbers without its lists. Allocates nothing.
    fn summary(&self) -> SiteReport {
        let totals = &self.totals;
        let now = self.now();
        let peak = totals.peak.load(Ordering::Relaxed);
        let peak_at = totals.peak_at.load(Ordering::Relaxed);
        SiteReport {
            elapsed: self.timeline().last().map_or(Duration::ZERO, |point| point.at),
            allocations: now.allocations,
            bytes: now.bytes,
            live_blocks: self.sites().map(|site| site.live_blocks).sum(),
            live_bytes: now.live,
            peak_bytes: peak.max(now.live),
            peak_at_allocation: if now.live > peak { now.allocations } else { peak_at },
            untracked_blocks: self.untracked.load(Ordering::Relaxed),
            displaced_blocks: self.displaced.load(Ordering::Relaxed),
            unwound: self.stacks.unwound(),
            sites: Vec::new(),
            sizes: Vec::new(),
            timeline: Vec::new(),
        }
    }

    /// What was published, and what was not. (Only its thread may publish what is in a shard.)
    fn now(&self) -> Moment {
        let published = self.totals.now(counter::read());
        self.shards().map(Shard::unpublished).fold(published, |sum, shard| Moment {
            at: sum.at,
            allocations: sum.allocations + shard.allocations,
            bytes: sum.bytes + shard.bytes,
            live: sum.live + shard.live,
        })
    }

    fn shards(&self) -> impl Iterator<Item = &Shard> {
        let is_used = |shard: &&Shard| shard.is_used.load(Ordering::Acquire);
        (0..SHARDS).filter_map(|at| self.shards.get(at)).filter(is_used)
    }

    fn sites(&self) -> impl Iterator<Item = SiteCounts> {
        let is_peak = self.now().live > self.totals.peak.load(Ordering::Relaxed);
        let sites = UNKNOWN..self.stacks.count();
        sites.filter_map(move |site| self.site_counts(site, is_peak))
    }

    /// `is_peak`: there never was more than now.
    fn site_counts(&self, site: u32, is_peak: bool) -> Option<SiteCounts> {
        let epoch = self.totals.epoch.load(Ordering::Relaxed);
        let mut sum = SiteCounts {
            addresses: self.stacks.stack(site).0,
            allocations: 0,
            reallocations: 0,
            bytes: 0,
            live_blocks: 0,
            live_bytes: 0,
            peak_blocks: 0,
            peak_bytes: 0,
            max_blocks: 0,
            max_bytes: 0,
            lifetime: 0,
            lifetimes: [0; LIFETIME_CLASSES],
        };
        for count in self.shards().filter_map(|shard| shard.counts.get(site as usize)) {
            sum.allocations += count.allocations.load(Ordering::Relaxed);
            sum.reallocations += count.reallocations.load(Ordering::Relaxed);
            sum.bytes += count.bytes.load(Ordering::Relaxed);
            let [live, peak, max] = count.live(epoch, is_peak);
            sum.live_blocks += live.0;
            sum.live_bytes += live.1;
            sum.peak_blocks += peak.0;
            sum.peak_bytes += peak.1;
            sum.max_blocks += max.0;
            sum.max_bytes += max.1;
            sum.lifetime += count.lifetime.load(Ordering::Relaxed);
            for (sum, class) in sum.lifetimes.iter_mut().zip(&count.lifetimes) {
                *sum += class.load(Ordering::Relaxed);
            }
        }
        (sum.allocations + sum.reallocations > 0).then_some(sum)
    }

    fn sizes(&self) -> impl Iterator<Item = SizeClass> {
        (0..SIZE_CLASSES).filter_map(|class| {
            let (smallest, largest) = bounds(class);
            let (mut blocks, mut went, mut bytes, mut bytes_went) = (0, 0, 0, 0);
            for size in self.shards().filter_map(|shard| shard.sizes.get(class)) {
                went += size.went.load(Ordering::Relaxed);
                bytes_went += size.bytes_went.load(Ordering::Relaxed);
                blocks += size.came.load(Ordering::Relaxed);
                bytes += size.bytes_came.load(Ordering::Relaxed);
            }
            let (live_blocks, live_bytes) =
                (u64::saturating_sub(blocks, went), u64::saturating_sub(bytes, bytes_went));
            let row = SizeClass { smallest, largest, blocks, bytes, live_blocks, live_bytes };
            (blocks > 0).then_some(row)
        })
    }

    /// The moments that were kept, and now.
    fn timeline(&self) -> impl Iterator<Item = TimelinePoint> {
        let first = self.totals.moment(0).map_or(0, |moment| moment.at);
        let clock = CycleClock::shared();
        let kept = (0..).map_while(|at| self.totals.moment(at));
        kept.chain(std::iter::once_with(|| self.now())).map(move |moment| TimelinePoint {
            at: clock.duration(Cycles(moment.at.saturating_sub(first))),
            allocations: moment.allocations,
            bytes: moment.bytes,
            live_bytes: moment.live,
        })
    }

    /// Writes the report as a JSON object. Allocates nothing, and waits for no lock that the thread may
    /// hold itself: it may run in a signal's handler. Addresses are strings, hexadecimal; times are nanoseconds.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn write_json(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let summary = self.summary();
        let SiteReport { elapsed, allocations, bytes, live_blocks, live_bytes, .. } = summary;
        let SiteReport { peak_bytes, peak_at_allocation, .. } = summary;
        let SiteReport { untracked_blocks, displaced_blocks, unwound, .. } = summary;
        write!(
            out,
            "{{\"elapsed_ns\":{},\"allocations\":{allocations},\"bytes\":{bytes},\
             \"live_blocks\":{live_blocks},\"live_bytes\":{live_bytes},\
             \"peak_bytes\":{peak_bytes},\"peak_at_allocation\":{peak_at_allocation},\
             \"untracked_blocks\":{untracked_blocks},\"displaced_blocks\":{displaced_blocks},\
             \"unwound\":{unwound},\"lifetimes_from\":",
            elapsed.as_nanos()
        )?;
        json::write_list(out, (0..LIFETIME_CLASSES).map(super::lifetime_from), |out, n| {
            write!(out, "{n}")
        })?;
        out.write_str(",\"sizes\":")?;
        json::write_list(out, self.sizes(), |out, class| class.write_json(out))?;
        out.write_str(",\"timeline\":")?;
        json::write_list(out, self.timeline(), |out, point| {
            let TimelinePoint { at, allocations, bytes, live_bytes } = point;
            let at = at.as_nanos();
            write!(
                out,
                "{{\"at_ns\":{at},\"allocations\":{allocations},\"bytes\":{bytes},\
                 \"live_bytes\":{live_bytes}}}"
            )
        })?;
        out.write_str(",\"sites\":")?;
        json::write_list(out, self.sites(), |out, site| site.write_json(out))?;
        out.write_str("}")
    }
}

impl SiteCounts {
    fn write_json(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let Self { allocations, reallocations, bytes, live_blocks, live_bytes, .. } = self;
        let Self { peak_blocks, peak_bytes, max_blocks, max_bytes, lifetime, .. } = self;
        write!(
            out,
            "{{\"allocations\":{allocations},\"reallocations\":{reallocations},\"bytes\":{bytes},\
             \"live_blocks\":{live_blocks},\"live_bytes\":{live_bytes},\
             \"peak_blocks\":{peak_blocks},\"peak_bytes\":{peak_bytes},\
             \"max_blocks\":{max_blocks},\"max_bytes\":{max_bytes},\"lifetime\":{lifetime},\
             \"lifetimes\":"
        )?;
        json::write_list(out, self.lifetimes.iter(), |out, count| write!(out, "{count}"))?;
        out.write_str(",\"addresses\":")?;
        let addresses = self.addresses.iter().filter(|&&address| address != 0);
        json::write_list(out, addresses, |out, address| write!(out, "\"{address:#x}\""))?;
        out.write_str("}")
    }
}

/// The largest sites at the peak, with names: reads the program's file.
impl fmt::Display for SiteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { allocations, bytes, peak_bytes, live_bytes, live_blocks, .. } = self;
        writeln!(f, "{allocations} allocations, {bytes} bytes; {peak_bytes} bytes at the peak")?;
        writeln!(f, "{live_bytes} bytes live in {live_blocks} blocks")?;
        for site in self.sites.iter().take(SHOWN) {
            let SiteCounts { allocations, bytes, peak_bytes, peak_blocks, live_bytes, .. } = site;
            writeln!(
                f,
                "{peak_bytes} bytes in {peak_blocks} blocks at the peak, {live_bytes} bytes live, \
                 {bytes} bytes in {allocations} allocations from"
            )?;
            let frames = Stack(site.addresses).resolve();
            frames.iter().try_for_each(|frame| writeln!(f, "    {frame}"))?;
        }
        Ok(())
    }
}
