use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tidemill_ground::{Work, compare, size};
use tidemill_memory::CachePadded;

/// A counter on a line of 64 bytes of its own, the other on the next line.
#[repr(align(64))]
struct Line(AtomicU64);

/// Two threads, each counting on its own counter.
pub fn run() {
    let count = size(1_000_000, 1000) as u64;
    let same: [AtomicU64; 2] = Default::default();
    let lines = [Line(AtomicU64::new(0)), Line(AtomicU64::new(0))];
    let padded: [CachePadded<AtomicU64>; 2] = Default::default();
    compare(
        "two threads count, each its own",
        Work::Items(count),
        &mut [
            ("CachePadded", Box::new(|| both(&padded[0], &padded[1], count))),
            ("64 bytes apart", Box::new(|| both(&lines[0].0, &lines[1].0, count))),
            ("side by side", Box::new(|| both(&same[0], &same[1], count))),
        ],
    );
}

fn both(a: &AtomicU64, b: &AtomicU64, count: u64) -> u64 {
    a.store(0, Relaxed);
    b.store(0, Relaxed);
    std::thread::scope(|scope| {
        scope.spawn(|| (0..count).for_each(|_| _ = a.fetch_add(1, Relaxed)));
        (0..count).for_each(|_| _ = b.fetch_add(1, Relaxed));
    });
    a.load(Relaxed) + b.load(Relaxed)
}
