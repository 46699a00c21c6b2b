//! Every order of events of two threads at the queue (see `src/sync.rs` for how to run it).
#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "tests")]

use loom::sync::Arc;
use loom::thread;
use tidemill_memory::spsc;

#[test]
fn values_arrive_whole_in_order_and_once() {
    loom::model(|| {
        let (mut producer, mut consumer) = spsc::queue(2);
        let pushing = thread::spawn(move || {
            let mut next = 0u32;
            while next < 3 {
                match producer.push(next) {
                    Ok(()) => next += 1,
                    Err(back) => {
                        assert_eq!(back, next);
                        thread::yield_now();
                    }
                }
            }
        });
        let mut wanted = 0;
        while wanted < 3 {
            match consumer.pop() {
                Some(value) => {
                    assert_eq!(value, wanted);
                    wanted += 1;
                }
                None => thread::yield_now(),
            }
        }
        assert_eq!(consumer.pop(), None);
        pushing.join().unwrap();
    });
}

#[test]
fn slices_arrive_whole_and_around_the_end() {
    loom::model(|| {
        let (mut producer, mut consumer) = spsc::queue(2);
        assert_eq!(producer.push_slice(&[0]), 1);
        assert_eq!(consumer.pop(), Some(0));
        let pushing = thread::spawn(move || {
            let mut rest = &[1, 2, 3][..];
            while !rest.is_empty() {
                let count = producer.push_slice(rest);
                rest = &rest[count..];
                thread::yield_now();
            }
        });
        let mut got = Vec::new();
        while got.len() < 3 {
            let mut into = [0; 3];
            let count = consumer.pop_slice(&mut into);
            got.extend_from_slice(&into[..count]);
            thread::yield_now();
        }
        assert_eq!(got, [1, 2, 3]);
        pushing.join().unwrap();
    });
}

#[test]
fn an_end_that_is_gone_leaves_what_it_pushed_and_nothing_leaks() {
    loom::model(|| {
        let value = Arc::new(());
        let (mut producer, mut consumer) = spsc::queue(2);
        let pushed = Arc::clone(&value);
        let pushing = thread::spawn(move || {
            let _ = producer.push(pushed);
        });
        if consumer.is_abandoned() {
            assert!(consumer.pop().is_some());
        }
        drop(consumer);
        pushing.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}
