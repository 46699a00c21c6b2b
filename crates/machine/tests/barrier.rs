//! A barrier does what a processor does not do by itself.

use std::sync::atomic::{AtomicUsize, Ordering};

use tidemill_machine::{barrier, prefetch};

/// A word in a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicUsize);

/// Dekker's question: each of two threads stores to its own word and loads the other's. Without a barrier
/// both may find 0, as stores wait in a buffer; with one between, never.
#[test]
fn mfence_drains_the_store_buffer() {
    const ROUNDS: usize = 20_000;
    let words: Vec<[Line; 2]> = (0..ROUNDS).map(|_| Default::default()).collect();
    let ready = [Line::default(), Line::default()];
    let run = |me: usize| {
        let rounds = words.iter().enumerate().map(|(round, words)| {
            // Both begin a round together: only then do their stores wait at the same time.
            ready[me].0.store(round + 1, Ordering::Release);
            let mut spins = 0;
            while ready[1 - me].0.load(Ordering::Acquire) <= round {
                spins += 1;
                if spins % 256 == 0 {
                    std::thread::yield_now();
                }
            }
            words[me].0.store(1, Ordering::Relaxed);
            barrier::mfence();
            words[1 - me].0.load(Ordering::Relaxed)
        });
        rounds.collect::<Vec<_>>()
    };
    let (mine, others) = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(1));
        (run(0), other.join().unwrap())
    });
    let both_missed = mine.iter().zip(&others).filter(|&pair| pair == (&0, &0)).count();
    assert_eq!(both_missed, 0);
}

/// The others cannot be told from nothing by a result: they run, and values stay what they were.
#[test]
fn hints_and_barriers_change_nothing() {
    let mut values = vec![1u64, 2, 3];
    barrier::lfence();
    barrier::sfence();
    prefetch::read(&values[0]);
    prefetch::read("a string");
    for index in [0, 2, 3, 1 << 20, usize::MAX / 8, usize::MAX] {
        prefetch::read_at(&values, index);
        prefetch::read_at_l2(&values, index);
        prefetch::read_once_at(&values, index);
        prefetch::write_at(&mut values, index);
        prefetch::read_at::<u8>(&[], index);
    }
    assert_eq!(values, [1, 2, 3]);
}
