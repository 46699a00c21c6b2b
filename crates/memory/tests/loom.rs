//! Every order of events of two threads at the queue and the pool (see `src/sync.rs` for how to run it).
#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "tests")]

use loom::sync::Arc;
use loom::thread;
use tidemill_memory::{Recycle, ThreadLocalPool, spsc};

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
        assert_eq!((producer.push_slice(&[0]), consumer.pop()), (1, Some(0)));
        let pushing = thread::spawn(move || {
            let first = producer.push_slice(&[1, 2]);
            first + producer.push_slice(&[3, 4])
        });
        let mut got = Vec::new();
        let mut pop = |consumer: &mut spsc::Consumer<i32>| {
            let mut into = [0; 3];
            let count = consumer.pop_slice(&mut into);
            got.extend_from_slice(&into[..count]);
        };
        pop(&mut consumer);
        pop(&mut consumer);
        let pushed = pushing.join().unwrap();
        pop(&mut consumer);
        assert_eq!(got, [1, 2, 3, 4][..pushed]);
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

/// An object that says whether it was dropped.
#[derive(Default)]
struct Tracked(Option<Arc<()>>);

impl Recycle for Tracked {
    fn clear(&mut self) {}

    fn memory_bytes(&self) -> usize {
        0
    }
}

#[test]
fn an_object_comes_home_while_its_thread_takes_or_ends() {
    loom::model(|| {
        let value = Arc::new(());
        let pool = std::sync::Arc::new(ThreadLocalPool::<Tracked>::new(4, 100));
        let (mut first, mut second) = (pool.get(), pool.get());
        first.0 = Some(Arc::clone(&value));
        second.0 = Some(Arc::clone(&value));
        let elsewhere = thread::spawn(move || {
            drop(first);
            drop(second);
        });
        let taken = pool.get();
        drop(taken);
        // The pool's end closes this thread's home, maybe before the objects come back.
        drop(pool);
        elsewhere.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}
