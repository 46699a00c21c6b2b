//! The queue between threads.
#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(not(loom))]

use std::sync::Arc;
use std::thread;

use tidemill_memory::spsc;

#[test]
fn keeps_order_and_bound_on_one_thread() {
    for capacity in [0, 1, 2, 3, 5, 8] {
        let (mut producer, mut consumer) = spsc::queue(capacity);
        let (mut pushed, mut popped) = (0u32, 0u32);
        for round in 0..50 {
            while producer.push(pushed).is_ok() {
                pushed += 1;
            }
            assert_eq!((pushed - popped) as usize, capacity);
            for _ in 0..round % (capacity + 1) {
                assert_eq!(consumer.pop(), Some(popped));
                popped += 1;
            }
        }
        while let Some(value) = consumer.pop() {
            assert_eq!(value, popped);
            popped += 1;
        }
        assert_eq!((popped, producer.capacity()), (pushed, capacity));
    }
}

#[test]
fn slices_wrap_around() {
    let (mut producer, mut consumer) = spsc::queue(7);
    let (mut pushed, mut popped) = (0u8, 0u8);
    for round in 0..100u8 {
        let values: Vec<u8> = (0..round % 11).map(|n| pushed.wrapping_add(n)).collect();
        let count = producer.push_slice(&values);
        assert!(
            count == values.len() || pushed.wrapping_add(count as u8).wrapping_sub(popped) == 7
        );
        pushed = pushed.wrapping_add(count as u8);
        let mut into = vec![0; usize::from(round % 5)];
        let count = consumer.pop_slice(&mut into);
        for value in &into[..count] {
            assert_eq!(*value, popped);
            popped = popped.wrapping_add(1);
        }
    }
}

/// `count` numbers through a queue of `capacity`, by ones and by slices.
fn check_threads(capacity: usize, count: u64) {
    let (mut producer, mut consumer) = spsc::queue(capacity);
    let pushing = thread::spawn(move || {
        let mut next = 0;
        while next < count {
            if next % 3 == 0 {
                let end = count.min(next + 10);
                next += producer.push_slice(&(next..end).collect::<Vec<u64>>()) as u64;
            } else if producer.push(next).is_ok() {
                next += 1;
            }
            if producer.room() == 0 {
                thread::yield_now();
            }
        }
    });
    let mut wanted = 0;
    let mut into = [0; 7];
    loop {
        let is_last = consumer.is_abandoned();
        let got = if wanted % 2 == 0 {
            consumer.pop_slice(&mut into)
        } else {
            consumer.pop().map_or(0, |value| {
                into[0] = value;
                1
            })
        };
        for value in &into[..got] {
            assert_eq!(*value, wanted);
            wanted += 1;
        }
        if got == 0 {
            if is_last {
                break;
            }
            thread::yield_now();
        }
    }
    assert_eq!(wanted, count);
    pushing.join().unwrap();
}

#[test]
fn two_threads_see_every_value_once_and_in_order() {
    for capacity in [1, 3, 64, 1000] {
        check_threads(capacity, 20_000);
    }
}

#[test]
fn what_nobody_pops_is_dropped() {
    let value = Arc::new(());
    let (mut producer, mut consumer) = spsc::queue(4);
    (0..3).for_each(|_| producer.push(Arc::clone(&value)).unwrap());
    drop(consumer.pop());
    drop(consumer);
    assert!(producer.is_abandoned());
    assert_eq!(Arc::strong_count(&value), 1);
    producer.push(Arc::clone(&value)).unwrap();
    drop(producer);
    assert_eq!(Arc::strong_count(&value), 1);
}
