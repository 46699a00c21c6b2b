//! Histogram, log and rate. The allocators are called directly and none is the global one, so that
//! nothing else is seen.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::Duration;

use gauge_probe::{
    Block, Counters, Histogram, Log, LogEvent, LogLine, MAX_LINE_BYTES, Observed, Observer, Rate,
    SizeClass,
};
use proptest::prelude::*;

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

/// Allocates `size`, makes it `new_size`, frees it.
fn cycle<O: Observer>(allocator: &Observed<System, O>, size: usize, new_size: usize) {
    // SAFETY: sizes are not 0, the layouts are those of the block.
    unsafe {
        let block = allocator.alloc(layout(size));
        let block = allocator.realloc(block, layout(size), new_size);
        assert!(!block.is_null());
        allocator.dealloc(block, layout(new_size));
    }
}

#[test]
fn histogram_counts_by_size() {
    let allocator = Observed::with(System, Histogram::new());
    // SAFETY: the block is freed with its layout.
    let block = unsafe { allocator.alloc_zeroed(layout(100)) };
    cycle(&allocator, 100, 1000);
    cycle(&allocator, 111, 3);
    let class = |smallest, largest, blocks, bytes, live_blocks, live_bytes| SizeClass {
        smallest,
        largest,
        blocks,
        bytes,
        live_blocks,
        live_bytes,
    };
    let report = allocator.observer().report();
    let wanted =
        [class(3, 3, 1, 3, 0, 0), class(96, 111, 3, 311, 1, 100), class(896, 1023, 1, 1000, 0, 0)];
    assert_eq!(report.classes, wanted);
    assert!(
        report.to_json().starts_with("{\"classes\":[{\"smallest\":3,\"largest\":3,\"blocks\":1,")
    );
    // SAFETY: as above.
    unsafe { allocator.dealloc(block, layout(100)) };
    assert!(allocator.observer().report().classes.iter().all(|class| class.live_blocks == 0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| cycle(&allocator, 40, 41)));
        }
    });
    let of_40 = allocator.observer().report().classes[1];
    assert_eq!((of_40.smallest, of_40.blocks, of_40.live_bytes), (40, 8000, 0));
}

#[test]
fn log_says_everything_in_lines() {
    static ALLOCATOR: Observed<System, Log> = Observed::with(System, Log::new());
    let log = ALLOCATOR.observer();
    let (mut reader, writer) = std::io::pipe().unwrap();
    cycle(&ALLOCATOR, 5, 6);
    log.start(OwnedFd::from(writer.try_clone().unwrap()));
    cycle(&ALLOCATOR, 100, 2000);
    // SAFETY: a size that there cannot be.
    assert!(unsafe { ALLOCATOR.alloc(layout(isize::MAX as usize - 7)) }.is_null());
    let threads = 4;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..20).for_each(|_| cycle(&ALLOCATOR, 7, 8)));
        }
    });
    log.stop();
    cycle(&ALLOCATOR, 9, 10);
    drop(writer);
    // The log's end stays open: read what is there.
    let mut text = vec![0; 64 << 10];
    let count = reader.read(&mut text).unwrap();
    let text = String::from_utf8(text[..count].to_vec()).unwrap();
    let lines: Vec<LogLine> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(lines.len(), 4 + threads * 20 * 3);
    let me = lines[0].thread;
    let [LogEvent::Allocated(new), LogEvent::Reallocated { old, address, size }] =
        [lines[0].event, lines[1].event]
    else {
        panic!("{text}");
    };
    assert_eq!((new.size, new.align, old, size), (100, 8, new, 2000));
    assert_eq!(lines[2].event, LogEvent::Deallocated(Block { address, size, align: 8 }));
    assert_eq!(lines[3].event, LogEvent::Failed { size: isize::MAX as usize - 7, align: 8 });
    let mut others: Vec<usize> = lines[4..].iter().map(|line| line.thread).collect();
    others.sort_unstable();
    others.dedup();
    assert!(others.len() == threads && !others.contains(&me), "{others:?}, {me}");
    assert_eq!(log.lost_lines(), 0);
}

#[test]
fn lines_that_cannot_be_written_are_counted() {
    let allocator = Observed::with(System, Log::new());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    allocator.observer().start(OwnedFd::from(writer));
    cycle(&allocator, 1, 2);
    assert_eq!(allocator.observer().lost_lines(), 3);
}

proptest! {
    #[test]
    fn lines_come_back(thread: usize, address: usize, size: usize, align: usize, which in 0..4) {
        let block = Block { address, size, align };
        let event = match which {
            0 => LogEvent::Allocated(block),
            1 => LogEvent::Deallocated(block),
            2 => LogEvent::Reallocated { old: block, address: align, size: thread },
            _ => LogEvent::Failed { size, align },
        };
        let line = LogLine { thread, event };
        prop_assert_eq!(line.to_string().parse(), Ok(line));
        prop_assert!(line.to_string().len() < MAX_LINE_BYTES);
    }
}

#[test]
fn what_is_no_line() {
    for text in ["", "a", "a 1 0x2 3", "a 1 0x2 3 4 5", "x 1 0x2 3 4", "f 1 2 ", "a 1 0xg 3 4"] {
        assert!(text.parse::<LogLine>().is_err(), "{text}");
    }
    assert!("a 1 0x2 3 4".parse::<LogLine>().is_ok());
}

#[test]
fn rate_of_what_was_counted() {
    static ALLOCATOR: Observed<System, (Counters, Rate<8>)> =
        Observed::with(System, (Counters, Rate::new()));
    let (_, rate) = ALLOCATOR.observer();
    cycle(&ALLOCATOR, 10, 20);
    assert_eq!(rate.report().intervals, []);
    // As many intervals as events, and more than there is room for.
    rate.start(Duration::from_nanos(1));
    (0..10).for_each(|_| cycle(&ALLOCATOR, 10, 20));
    rate.stop();
    cycle(&ALLOCATOR, 10, 20);
    let report = rate.report();
    assert_eq!(report.intervals.len(), 7);
    // A first sample, 30 events, a last one; some may have come at the same cycle.
    assert!(report.overwritten > 0 && report.overwritten <= 24, "{report}");
    // One interval, of all.
    rate.start(Duration::from_secs(3600));
    (0..10).for_each(|_| cycle(&ALLOCATOR, 10, 20));
    rate.stop();
    let report = rate.report();
    assert_eq!((report.intervals.len(), report.overwritten), (1, 0));
    let counts = report.intervals[0].counts;
    assert_eq!((counts.allocations, counts.reallocations, counts.deallocations), (10, 10, 10));
    assert!(report.intervals[0].requests_a_second() > 0.0);
    assert!(report.to_json().starts_with("{\"overwritten\":0,\"intervals\":[{\"start_ns\":0,"));
}
