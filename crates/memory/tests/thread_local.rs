//! Objects kept by thread.
#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(not(loom))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;

use tidemill_memory::{LocalRecycled, Recycle, ThreadLocalPool};

static ALIVE: [AtomicIsize; 8] = [const { AtomicIsize::new(0) }; 8];

/// An object that counts those alive of its test, `N`.
struct Counted<const N: usize> {
    bytes: usize,
    panics: bool,
}

impl<const N: usize> Default for Counted<N> {
    fn default() -> Self {
        ALIVE[N].fetch_add(1, Ordering::SeqCst);
        Self { bytes: 0, panics: false }
    }
}

impl<const N: usize> Recycle for Counted<N> {
    fn clear(&mut self) {
        assert!(!self.panics, "told to");
    }

    fn memory_bytes(&self) -> usize {
        self.bytes
    }
}

impl<const N: usize> Drop for Counted<N> {
    fn drop(&mut self) {
        ALIVE[N].fetch_sub(1, Ordering::SeqCst);
    }
}

fn alive<const N: usize>() -> isize {
    ALIVE[N].load(Ordering::SeqCst)
}

fn address<T: Recycle + Send>(object: &LocalRecycled<T>) -> usize {
    std::ptr::from_ref(&**object).addr()
}

#[test]
fn a_thread_keeps_up_to_the_bounds_and_gives_back_the_last_first() {
    let pool = ThreadLocalPool::<Counted<0>>::new(3, 100);
    let objects: Vec<_> = (0..5).map(|_| pool.get()).collect();
    let addresses: Vec<_> = objects.iter().map(address).collect();
    drop(objects);
    assert_eq!(alive::<0>(), 3);
    let mut again = pool.get();
    assert_eq!(address(&again), addresses[2]);
    again.bytes = 101;
    drop(again);
    assert_eq!(alive::<0>(), 2);
    drop(pool);
    assert_eq!(alive::<0>(), 0);
}

#[test]
fn objects_dropped_elsewhere_come_home_up_to_the_bound() {
    let pool = ThreadLocalPool::<Counted<1>>::new(3, 100);
    let objects: Vec<_> = (0..5).map(|_| pool.get()).collect();
    let addresses: Vec<_> = objects.iter().map(address).collect();
    thread::spawn(move || drop(objects)).join().unwrap();
    assert_eq!(alive::<1>(), 3);
    let again: Vec<_> = (0..3).map(|_| pool.get()).collect();
    assert!(again.iter().all(|object| addresses.contains(&address(object))));
    assert_eq!(alive::<1>(), 3);
}

#[test]
fn a_thread_that_ends_gives_its_memory_back() {
    let pool = Arc::new(ThreadLocalPool::<Counted<2>>::new(8, 100));
    let (send, receive) = channel();
    let there = Arc::clone(&pool);
    thread::spawn(move || {
        let objects: Vec<_> = (0..4).map(|_| there.get()).collect();
        send.send(there.get()).unwrap();
        drop(objects);
        assert_eq!(alive::<2>(), 5);
    })
    .join()
    .unwrap();
    assert_eq!(alive::<2>(), 1);
    // Its home is closed: it is freed here.
    drop(receive.recv().unwrap());
    assert_eq!(alive::<2>(), 0);
}

#[test]
fn an_object_outlives_its_pool() {
    let pool = ThreadLocalPool::<Counted<3>>::new(8, 100);
    let (one, other) = (pool.get(), pool.get());
    drop(one);
    drop(pool);
    assert_eq!(alive::<3>(), 1);
    drop(other);
    assert_eq!(alive::<3>(), 0);
}

#[test]
fn an_object_that_cannot_be_cleared_is_freed() {
    let pool = ThreadLocalPool::<Counted<4>>::new(8, 100);
    let mut object = pool.get();
    object.panics = true;
    assert!(catch_unwind(AssertUnwindSafe(|| drop(object))).is_err());
    assert_eq!(alive::<4>(), 0);
}

/// Holds an object of a pool in a variable of its thread, which is dropped when the thread ends.
struct Late(Option<LocalRecycled<Counted<5>>>, Arc<ThreadLocalPool<Counted<5>>>);

impl Drop for Late {
    fn drop(&mut self) {
        drop(self.0.take());
        drop(self.1.get());
    }
}

#[test]
fn a_thread_that_is_ending_may_still_use_the_pool() {
    thread_local! {
        static LATE: std::cell::RefCell<Option<Late>> = const { std::cell::RefCell::new(None) };
    }
    let pool = Arc::new(ThreadLocalPool::<Counted<5>>::new(8, 100));
    for is_first in [true, false] {
        let pool = Arc::clone(&pool);
        thread::spawn(move || {
            // Either variable is made first, and dropped in an order of its own.
            let early = is_first.then(|| pool.get());
            LATE.with(|late| *late.borrow_mut() = Some(Late(Some(pool.get()), Arc::clone(&pool))));
            drop(early);
        })
        .join()
        .unwrap();
        assert_eq!(alive::<5>(), 0);
    }
}

#[test]
fn pools_are_apart_and_dead_ones_are_forgotten() {
    for _ in 0..10 {
        let pools: Vec<_> = (0..3).map(|_| ThreadLocalPool::<Vec<u8>>::new(2, 100)).collect();
        for (n, pool) in pools.iter().enumerate() {
            pool.get().push(n as u8);
            assert!(pool.get().is_empty() && pool.get().capacity() > 0);
        }
        let texts = ThreadLocalPool::<String>::new(2, 100);
        texts.get().push('x');
        thread::scope(|scope| {
            scope.spawn(|| drop((pools[0].get(), texts.get())));
        });
    }
}

#[test]
fn objects_travel_between_threads_under_load() {
    let pool = Arc::new(ThreadLocalPool::<Counted<6>>::new(16, 100));
    let (send, receive) = channel::<LocalRecycled<Counted<6>>>();
    let there = Arc::clone(&pool);
    let dropping = thread::spawn(move || {
        for (n, mut object) in receive.into_iter().enumerate() {
            object.bytes = n % 120;
            drop(object);
            drop(there.get());
        }
    });
    for n in 0..20_000 {
        let object = pool.get();
        assert!(object.bytes <= 100);
        if n % 3 == 0 {
            drop(object);
        } else {
            send.send(object).unwrap();
        }
    }
    drop(send);
    dropping.join().unwrap();
    drop(pool);
    assert_eq!(alive::<6>(), 0);
}

#[test]
fn what_a_dead_pool_left_on_a_thread_goes_when_that_meets_a_new_one() {
    let pool = Arc::new(ThreadLocalPool::<Counted<7>>::new(4, 100));
    let there = Arc::clone(&pool);
    let steps = Arc::new(Barrier::new(2));
    let here = Arc::clone(&steps);
    let thread = thread::spawn(move || {
        there.get().bytes = 10;
        drop(there);
        steps.wait(); // 1: kept on this thread
        steps.wait(); // 2: the pool is gone
        drop(ThreadLocalPool::<Vec<u8>>::new(1, 100).get());
        steps.wait(); // 3: looked at while this thread lives
        steps.wait(); // 4
    });
    here.wait();
    drop(pool);
    assert_eq!(alive::<7>(), 1);
    here.wait();
    here.wait();
    assert_eq!(alive::<7>(), 0);
    here.wait();
    thread.join().unwrap();
}
