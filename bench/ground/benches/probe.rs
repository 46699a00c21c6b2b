//! What each observer adds to an allocation and its deallocation: one thread, and two at once. What a
//! section costs.
//!
//! `Sites` follows frame pointers where the program has them:
//! `RUSTFLAGS=-Cforce-frame-pointers=yes cargo ground probe`; without them it unwinds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::File;
use std::hint::black_box;
use std::sync::{Barrier, Mutex, OnceLock, mpsc};
use std::time::Duration;

use gauge_probe::{Counters, Counting, Histogram, Largest, Leaks, Log, Observed, Peak, Rate, Section, Sites};
use mimalloc::MiMalloc;
use stats_alloc::INSTRUMENTED_SYSTEM;
use tidemill_ground::{Strategy, Work, compare, measuring, size};

static BARE: System = System;
static COUNTING: Counting<System> = Counting::new(System);
static MIMALLOC: MiMalloc = MiMalloc;
static COUNTING_MIMALLOC: Counting<MiMalloc> = Counting::new(MiMalloc);
static PEAK: Observed<System, Peak> = Observed::with(System, Peak::new());
static HISTOGRAM: Observed<System, Histogram> = Observed::with(System, Histogram::new());
static LARGEST: Observed<System, Largest<16>> = Observed::with(System, Largest::new());
static RATE: Observed<System, (Counters, Rate<64>)> =
    Observed::with(System, (Counters, Rate::new()));
static OFF: Observed<System, (Leaks<1024, 16>, Rate<64>, Log)> =
    Observed::with(System, (Leaks::new(), Rate::new(), Log::new()));
static LEAKS: Observed<System, Leaks<65536, 1024>> = Observed::with(System, Leaks::new());
static LEAKS_SAMPLED: Observed<System, Leaks<65536, 1024>> = Observed::with(System, Leaks::new());
static SITES_OFF: Observed<System, Sites> = Observed::with(System, Sites::new());
static SITES: Observed<System, Sites> = Observed::with(System, Sites::new());
static LOG: Observed<System, Log> = Observed::with(System, Log::new());

fn main() {
    RATE.observer().1.start(Duration::from_millis(1));
    LEAKS.observer().start(1);
    LEAKS_SAMPLED.observer().start(512 << 10);
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        LOG.observer().start(null);
    }
    SITES.observer().start();
    for threads in [1, 2] {
        let strategies = &mut [
            strategy("System alone", &BARE, threads),
            strategy("Counting", &COUNTING, threads),
            strategy("stats_alloc (peer)", &INSTRUMENTED_SYSTEM, threads),
            strategy("mimalloc alone", &MIMALLOC, threads),
            strategy("Counting<MiMalloc>", &COUNTING_MIMALLOC, threads),
            strategy("Peak", &PEAK, threads),
            strategy("Histogram", &HISTOGRAM, threads),
            strategy("Largest<16>", &LARGEST, threads),
            strategy("Counters, Rate", &RATE, threads),
            strategy("Leaks, Rate, Log: off", &OFF, threads),
            strategy("Leaks, each 512 KiB", &LEAKS_SAMPLED, threads),
            strategy("Sites: off", &SITES_OFF, threads),
            strategy("Sites", &SITES, threads),
        ];
        compare(
            &format!("fast, threads {threads}"),
            Work::Items(size(20_000, 100) as u64),
            strategies,
        );
        let strategies = &mut [
            few("System alone", &BARE, threads),
            few("Log to /dev/null", &LOG, threads),
            few("Leaks, all", &LEAKS, threads),
        ];
        compare(
            &format!("slow, threads {threads}"),
            Work::Items(size(1000, 10) as u64),
            strategies,
        );
    }
    sections();
    if measuring() {
        println!("\nlost lines: {}", LOG.observer().lost_lines());
    }
}

fn sections() {
    static SECTION: Section = Section::new("bench");
    let calls = size(20_000, 100);
    let enter = move || {
        for call in 0..calls {
            let _entered = SECTION.enter();
            black_box(call);
        }
        calls as u64
    };
    let strategies: &mut [Strategy<'_>] = &mut [
        (
            "an empty loop",
            Box::new(move || {
                (0..calls).for_each(|call| _ = black_box(call));
                calls as u64
            }),
        ),
        ("Section: off", Box::new(enter)),
        (
            "Section: on",
            Box::new(move || {
                Section::start_all();
                let entered = enter();
                Section::stop_all();
                entered
            }),
        ),
    ];
    compare("sections", Work::Items(calls as u64), strategies);
}

fn strategy<A: GlobalAlloc + Sync>(
    name: &'static str,
    allocator: &'static A,
    threads: usize,
) -> Strategy<'static> {
    (name, Box::new(move || on_threads(allocator, threads, size(20_000, 100))))
}

fn few<A: GlobalAlloc + Sync>(
    name: &'static str,
    allocator: &'static A,
    threads: usize,
) -> Strategy<'static> {
    (name, Box::new(move || on_threads(allocator, threads, size(1000, 10))))
}

/// Every thread allocates and frees as many times; pairs a thread. Threads start together, so that
/// the time is that of each.
fn on_threads<A: GlobalAlloc + Sync>(allocator: &'static A, threads: usize, pairs: usize) -> u64 {
    if threads == 1 {
        return run(allocator, pairs);
    }
    static HELPER: OnceLock<Helper> = OnceLock::new();
    static START: Barrier = Barrier::new(2);
    let (jobs, results) = HELPER.get_or_init(helper);
    let job = move || {
        START.wait();
        run(allocator, pairs)
    };
    if jobs.send(Box::new(job)).is_err() {
        return 0;
    }
    START.wait();
    let mine = run(allocator, pairs);
    let result = results.lock().map(|results| results.recv().unwrap_or(0));
    mine.min(result.unwrap_or(0))
}

type Job = Box<dyn FnOnce() -> u64 + Send>;
type Helper = (mpsc::Sender<Job>, Mutex<mpsc::Receiver<u64>>);

/// One thread for the whole bench: a start of one takes as long as thousands of allocations.
fn helper() -> Helper {
    let (jobs, queue) = mpsc::channel::<Job>();
    let (answers, results) = mpsc::channel();
    std::thread::spawn(move || queue.iter().try_for_each(|job| answers.send(job())));
    (jobs, Mutex::new(results))
}

/// Blocks of 16 to 512 bytes, allocated and freed one after the other.
fn run<A: GlobalAlloc>(allocator: &A, pairs: usize) -> u64 {
    for pair in 0..pairs {
        let bytes = 16 + pair % 32 * 16;
        let Ok(layout) = Layout::from_size_align(bytes, 8) else { return 0 };
        // SAFETY: the size is not 0; the block is freed at once, with its layout.
        unsafe {
            let block = black_box(allocator.alloc(layout));
            allocator.dealloc(block, layout);
        }
    }
    pairs as u64
}
