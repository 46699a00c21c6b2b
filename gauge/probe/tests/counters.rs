//! Counters against a model. The allocator is called directly and is not the global one, so that
//! nothing else is counted.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;

use gauge_probe::{Counters, Counting, Counts, MAX_COUNTED_THREADS, Observed, Peak};
use proptest::prelude::*;

static ALLOCATOR: Observed<System, (Counters, Peak)> =
    Observed::with(System, (Counters, Peak::new()));
/// The process's counts are everybody's: one test at a time.
static TURN: Mutex<()> = Mutex::new(());

/// A block of ours.
#[derive(Debug)]
struct Owned {
    pointer: *mut u8,
    layout: Layout,
}

// SAFETY: a block may be used and deallocated by any thread.
unsafe impl Send for Owned {}

impl Owned {
    fn new(size: usize, align: usize, zeroed: bool) -> Option<Self> {
        let layout = Layout::from_size_align(size, align).unwrap();
        // SAFETY: `size` is not 0 in these tests.
        let pointer = unsafe {
            if zeroed { ALLOCATOR.alloc_zeroed(layout) } else { ALLOCATOR.alloc(layout) }
        };
        if pointer.is_null() {
            return None;
        }
        assert_eq!(pointer.addr() % align, 0);
        // SAFETY: `size` bytes, which are initialised if they are zeroed, and written otherwise.
        unsafe {
            if zeroed {
                assert!((0..size).all(|at| pointer.add(at).read() == 0));
            }
            pointer.write_bytes(7, size);
        }
        Some(Self { pointer, layout })
    }

    fn resize(&mut self, size: usize) -> bool {
        // SAFETY: the block is ours; `size` is not 0 and not beyond `isize::MAX` in these tests.
        let pointer = unsafe { ALLOCATOR.realloc(self.pointer, self.layout, size) };
        if pointer.is_null() {
            return false;
        }
        let kept = size.min(self.layout.size());
        // SAFETY: that many bytes were written before.
        assert!((0..kept).all(|at| unsafe { pointer.add(at).read() } == 7));
        // SAFETY: `size` bytes are ours.
        unsafe { pointer.write_bytes(7, size) };
        self.pointer = pointer;
        self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
        true
    }

    fn free(self) {
        // SAFETY: the block is ours and forgotten here.
        unsafe { ALLOCATOR.dealloc(self.pointer, self.layout) };
    }
}

#[derive(Clone, Debug)]
enum Step {
    Allocate { size: usize, align_log2: u32, zeroed: bool },
    Resize { which: usize, size: usize },
    Free { which: usize },
    FailToAllocate,
    FailToResize { which: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = || prop_oneof![1usize..200, 1usize..200_000];
    let which = || 0usize..100;
    let step = prop_oneof![
        4 => (size(), 0u32..13, any::<bool>())
            .prop_map(|(size, align_log2, zeroed)| Step::Allocate { size, align_log2, zeroed }),
        3 => (which(), size()).prop_map(|(which, size)| Step::Resize { which, size }),
        3 => which().prop_map(|which| Step::Free { which }),
        1 => Just(Step::FailToAllocate),
        1 => which().prop_map(|which| Step::FailToResize { which }),
    ];
    proptest::collection::vec(step, 0..60)
}

const TOO_MUCH: usize = isize::MAX as usize - 8192;

/// Runs the steps and counts what they should give.
fn run(steps: &[Step]) -> (Counts, i64) {
    let mut counts = Counts::default();
    let mut peak = 0;
    let mut blocks: Vec<Owned> = Vec::new();
    for step in steps {
        let count = blocks.len();
        match *step {
            Step::Allocate { size, align_log2, zeroed } => {
                blocks.push(Owned::new(size, 1 << align_log2, zeroed).unwrap());
                counts.allocations += 1;
                counts.bytes_allocated += size as u64;
            }
            Step::Resize { which, size } if count > 0 => {
                let block = &mut blocks[which % count];
                let old = block.layout.size();
                assert!(block.resize(size));
                counts.reallocations += 1;
                counts.bytes_allocated += size.saturating_sub(old) as u64;
                counts.bytes_deallocated += old.saturating_sub(size) as u64;
            }
            Step::Free { which } if count > 0 => {
                let block = blocks.swap_remove(which % count);
                counts.deallocations += 1;
                counts.bytes_deallocated += block.layout.size() as u64;
                block.free();
            }
            Step::FailToAllocate => {
                assert!(Owned::new(TOO_MUCH, 8, true).is_none());
                counts.failures += 1;
            }
            Step::FailToResize { which } if count > 0 => {
                assert!(!blocks[which % count].resize(TOO_MUCH));
                counts.failures += 1;
            }
            _ => {}
        }
        peak = peak.max(counts.live_bytes());
    }
    for block in blocks {
        counts.deallocations += 1;
        counts.bytes_deallocated += block.layout.size() as u64;
        block.free();
    }
    (counts, peak)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn counters_count_what_was_done(steps in steps()) {
        let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (_, peak) = ALLOCATOR.observer();
        peak.restart();
        let (thread, process, live) = (Counters::thread(), Counters::process(), peak.live_bytes());
        let (wanted, most) = run(&steps);
        prop_assert_eq!(Counters::thread() - thread, wanted);
        prop_assert_eq!(Counters::process() - process, wanted);
        prop_assert_eq!(peak.live_bytes(), live);
        prop_assert_eq!(peak.peak_live_bytes() - live, most);
    }
}

/// Some threads at once, each with its steps.
#[test]
fn threads_count_for_themselves_and_together() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let before = Counters::process();
    let work = |number: usize| {
        let before = Counters::thread();
        let mut blocks = Vec::new();
        for round in 0..5_000 {
            blocks.push(Owned::new(number + 1, 8, false).unwrap());
            if round % 3 == 0 {
                blocks.pop().unwrap().free();
            }
        }
        (Counters::thread() - before, blocks)
    };
    let blocks: Vec<Owned> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|number| (number, scope.spawn(move || work(number)))).collect();
        let check = |(number, thread): (usize, std::thread::ScopedJoinHandle<'_, _>)| {
            let (counts, blocks): (Counts, Vec<Owned>) = thread.join().unwrap();
            assert_eq!((counts.allocations, counts.deallocations), (5_000, 1_667));
            assert_eq!(counts.bytes_allocated, 5_000 * (number as u64 + 1));
            blocks
        };
        threads.into_iter().flat_map(check).collect()
    });
    let counts = Counters::process() - before;
    assert_eq!((counts.allocations, counts.live_blocks()), (20_000, 4 * 3_333));
    // Blocks of threads that are gone, freed by this one.
    let before_freeing = Counters::thread();
    blocks.into_iter().for_each(Owned::free);
    let freed = Counters::thread() - before_freeing;
    assert_eq!((freed.allocations, freed.live_blocks()), (0, -4 * 3_333));
    let counts = Counters::process() - before;
    assert_eq!((counts.live_blocks(), counts.live_bytes()), (0, 0));
}

/// More threads than there are slots.
#[test]
fn no_thread_is_lost() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let before = Counters::process();
    let threads = MAX_COUNTED_THREADS + 50;
    for number in 0..threads {
        let counts = std::thread::spawn(move || {
            let mut block = Owned::new(number + 1, 8, false).unwrap();
            assert!(block.resize(2 * number + 2));
            block.free();
            Counters::thread()
        });
        let counts = counts.join().unwrap();
        let bytes = 2 * number as u64 + 2;
        let wanted = Counts {
            allocations: 1,
            deallocations: 1,
            reallocations: 1,
            failures: 0,
            bytes_allocated: bytes,
            bytes_deallocated: bytes,
        };
        assert_eq!(counts, wanted);
    }
    let counts = Counters::process() - before;
    let wanted = threads as u64;
    assert_eq!((counts.allocations, counts.reallocations), (wanted, wanted));
    assert_eq!((counts.bytes_allocated, counts.live_bytes()), (wanted * (wanted + 1), 0));
}

/// What a thread's destructors do at its end is counted, too.
#[test]
fn destructors_of_threads_are_counted() {
    struct AtTheEnd;
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            let block = Owned::new(100, 8, false).unwrap();
            block.free();
        }
    }
    thread_local!(static VALUE: AtTheEnd = const { AtTheEnd });
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let before = Counters::process();
    std::thread::spawn(|| VALUE.with(|_| ())).join().unwrap();
    let counts = Counters::process() - before;
    assert_eq!((counts.allocations, counts.deallocations), (1, 1));
}

#[test]
fn counts_as_text_and_json() {
    let counts = Counts { allocations: 3, bytes_allocated: 100, failures: 1, ..Counts::default() };
    assert_eq!(
        counts.to_string(),
        "3 allocations, 0 reallocations, 0 deallocations, 1 failures; \
         100 bytes allocated, 0 deallocated"
    );
    assert_eq!(
        counts.to_json(),
        "{\"allocations\":3,\"deallocations\":0,\"reallocations\":0,\"failures\":1,\
         \"bytes_allocated\":100,\"bytes_deallocated\":0}"
    );
    const _: Counting<System> = Counting::new(System);
}
