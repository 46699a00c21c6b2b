//! What keeps objects for threads, and what passes values between them.

use std::hint::black_box;
use std::thread;

use crossbeam::queue::ArrayQueue;
use tidemill_ground::{Strategy, Work, compare, size};
use tidemill_memory::{Recycle, Recycler, ThreadLocalPool, spsc};

/// For the recycler, which moves its objects.
#[derive(Default)]
struct Boxed(Box<Object>);

impl Recycle for Boxed {
    fn clear(&mut self) {}

    fn memory_bytes(&self) -> usize {
        size_of::<Object>()
    }
}

/// 256 bytes that are as good as new as they are.
#[derive(Default)]
struct Object([u64; 32]);

impl Recycle for Object {
    fn clear(&mut self) {}

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

pub(crate) fn run() {
    let count = size(100_000, 100);
    objects("kept objects: 256 bytes got and dropped, one thread", count, 1);
    objects("kept objects: 256 bytes got and dropped, each of two threads", count, 2);
    let count = size(1_000_000, 500) as u64;
    numbers("spsc: numbers one by one from thread to thread, room for 1,024", count);
    slices("spsc: numbers by up to 64 from thread to thread, room for 1,024", count);
}

/// `body` on that many threads at a time.
fn on_threads(threads: usize, body: impl Fn() + Sync) {
    if threads == 1 {
        return body();
    }
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(&body);
        }
    });
}

fn objects(case: &str, count: usize, threads: usize) {
    let pool = ThreadLocalPool::<Object>::new(16, 1 << 10);
    let recycler = Recycler::<Boxed>::new(16, 1 << 20);
    let mut strategies: Vec<Strategy<'_>> = vec![(
        "ThreadLocalPool",
        Box::new(|| {
            on_threads(threads, || {
                for n in 0..count as u64 {
                    black_box(&mut pool.get()).0[0] = black_box(n);
                }
            });
            0
        }),
    )];
    strategies.push((
        "Recycler (a lock)",
        Box::new(|| {
            on_threads(threads, || {
                for n in 0..count as u64 {
                    black_box(&mut recycler.get()).0.0[0] = black_box(n);
                }
            });
            0
        }),
    ));
    strategies.push((
        "malloc (glibc)",
        Box::new(|| {
            on_threads(threads, || {
                for n in 0..count as u64 {
                    let mut fresh = Box::<[u64; 32]>::new_uninit();
                    // SAFETY: the block's first word.
                    unsafe { fresh.as_mut_ptr().cast::<u64>().write(black_box(n)) };
                    black_box(&mut fresh);
                }
            });
            0
        }),
    ));
    compare(case, Work::Items(count as u64), &mut strategies);
}

const ROOM: usize = 1024;

/// Pushes all numbers on a thread of its own and adds them up on this one; what does not fit and
/// what is not there yet is asked for again.
fn passed(
    count: u64,
    mut push: impl FnMut(u64) -> bool + Send,
    mut pop: impl FnMut() -> Option<u64>,
) -> u64 {
    thread::scope(|scope| {
        scope.spawn(move || {
            for n in 0..count {
                while !push(n) {
                    std::hint::spin_loop();
                }
            }
        });
        let mut sum = 0u64;
        for _ in 0..count {
            loop {
                if let Some(n) = pop() {
                    sum = sum.wrapping_add(n);
                    break;
                }
                std::hint::spin_loop();
            }
        }
        sum
    })
}

fn numbers(case: &str, count: u64) {
    let mut strategies: Vec<Strategy<'_>> = vec![(
        "tidemill",
        Box::new(move || {
            let (mut producer, mut consumer) = spsc::queue(ROOM);
            passed(count, move |n| producer.push(n).is_ok(), || consumer.pop())
        }),
    )];
    strategies.push((
        "rtrb",
        Box::new(move || {
            let (mut producer, mut consumer) = rtrb::RingBuffer::new(ROOM);
            passed(count, move |n| producer.push(n).is_ok(), || consumer.pop().ok())
        }),
    ));
    strategies.push((
        "crossbeam ArrayQueue",
        Box::new(move || {
            let queue = ArrayQueue::new(ROOM);
            passed(count, |n| queue.push(n).is_ok(), || queue.pop())
        }),
    ));
    strategies.push((
        "std mpsc (sync_channel)",
        Box::new(move || {
            let (send, receive) = std::sync::mpsc::sync_channel(ROOM);
            passed(count, move |n| send.try_send(n).is_ok(), || receive.try_recv().ok())
        }),
    ));
    compare(case, Work::Items(count), &mut strategies);
}

fn slices(case: &str, count: u64) {
    let mut strategies: Vec<Strategy<'_>> = vec![(
        "tidemill",
        Box::new(move || {
            let (mut producer, mut consumer) = spsc::queue(ROOM);
            let push = move |from: &[u64]| producer.push_slice(from);
            batched(count, push, |into: &mut [u64]| consumer.pop_slice(into))
        }),
    )];
    strategies.push((
        "rtrb",
        Box::new(move || {
            let (mut producer, mut consumer) = rtrb::RingBuffer::new(ROOM);
            let push = move |from: &[u64]| producer.push_partial_slice(from).0.len();
            batched(count, push, |into: &mut [u64]| consumer.pop_partial_slice(into).0.len())
        }),
    ));
    compare(case, Work::Items(count), &mut strategies);
}

fn batched(
    count: u64,
    mut push: impl FnMut(&[u64]) -> usize + Send,
    mut pop: impl FnMut(&mut [u64]) -> usize,
) -> u64 {
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut next = 0;
            while next < count {
                let batch: [u64; 64] = std::array::from_fn(|n| next + n as u64);
                let fit = (count - next).min(64) as usize;
                let pushed = push(&batch[..fit]);
                next += pushed as u64;
                if pushed == 0 {
                    std::hint::spin_loop();
                }
            }
        });
        let (mut sum, mut got) = (0u64, 0);
        let mut into = [0; 64];
        while got < count {
            let popped = pop(&mut into);
            got += popped as u64;
            sum = into[..popped].iter().fold(sum, |sum, n| sum.wrapping_add(*n));
            if popped == 0 {
                std::hint::spin_loop();
            }
        }
        sum
    })
}
