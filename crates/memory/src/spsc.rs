//! A bounded queue from one thread to another, without locks.
//!
//! The ring of Lamport (*Proving the Correctness of Multiprocess Programs*, 1977) with what later
//! work added (Giacomoni, Moseley, Vachharajani, *FastForward*, 2008; Torquati, *Single-Producer/
//! Single-Consumer Queues on Shared Cache Multi-Core Systems*, 2010): each end keeps a copy of the
//! other's index and reads the other's cache line only when the copy says full or empty; indices
//! count on for ever and are cut to the ring by a mask.
//!
//! Neither end ever waits: a full or empty queue is an answer. Each end is `Send` where the values
//! are, and works through `&mut`, so that there is one of each.
//!
//! ```
//! let (mut producer, mut consumer) = tidemill_memory::spsc::queue(2);
//! assert_eq!(producer.push("one"), Ok(()));
//! assert_eq!(producer.push_slice(&["two", "three"]), 1);
//! assert_eq!(producer.push("four"), Err("four"));
//! std::thread::spawn(move || assert_eq!(consumer.pop(), Some("one"))).join();
//! ```

use std::fmt;
use std::mem::MaybeUninit;

use crossbeam_utils::CachePadded;

use crate::OutOfMemory;
use crate::shared::Shared;
use crate::sync::{AtomicBool, AtomicUsize, Ordering, UnsafeCell};

struct Ring<T> {
    /// Values popped since the beginning. Written by the consumer.
    head: CachePadded<AtomicUsize>,
    /// Values pushed since the beginning. Written by the producer.
    tail: CachePadded<AtomicUsize>,
    /// Set by the end that is dropped first.
    abandoned: CachePadded<AtomicBool>,
    /// The values numbered `head..tail`, each at its number cut to the length, a power of two.
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    capacity: usize,
}

// SAFETY: a slot is written by the producer while its number is not below `tail`, and read by the
// consumer while it is; `tail` and `head` are handed over by release and acquire. Values go from
// one thread to the other, which `T: Send` allows.
unsafe impl<T: Send> Sync for Ring<T> {}
// SAFETY: it owns its values.
unsafe impl<T: Send> Send for Ring<T> {}

/// The end that pushes.
pub struct Producer<T> {
    ring: Shared<Ring<T>>,
    tail: usize,
    /// What `head` was at least.
    head: usize,
}

/// The end that pops.
pub struct Consumer<T> {
    ring: Shared<Ring<T>>,
    head: usize,
    /// What `tail` was at least.
    tail: usize,
}

/// A queue of at most `capacity` values.
///
/// # Panics
/// When `capacity` rounded up to a power of two is more memory than there can be.
#[must_use]
pub fn queue<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    try_queue(capacity).unwrap_or_else(|refused| refused.raise())
}

/// A queue of at most `capacity` values.
///
/// # Errors
/// [`OutOfMemory`].
pub fn try_queue<T>(capacity: usize) -> Result<(Producer<T>, Consumer<T>), OutOfMemory> {
    let count = capacity.max(1).checked_next_power_of_two().ok_or(OutOfMemory::Overflow)?;
    let mut slots: Vec<UnsafeCell<MaybeUninit<T>>> = Vec::new();
    slots.try_reserve_exact(count).map_err(|_| OutOfMemory::array::<T>(count))?;
    slots.resize_with(count, || UnsafeCell::new(MaybeUninit::uninit()));
    let ring = Shared::try_new(Ring {
        head: CachePadded::new(AtomicUsize::new(0)),
        tail: CachePadded::new(AtomicUsize::new(0)),
        abandoned: CachePadded::new(AtomicBool::new(false)),
        slots: slots.into_boxed_slice(),
        capacity,
    })?;
    let producer = Producer { ring: ring.clone(), tail: 0, head: 0 };
    Ok((producer, Consumer { ring, head: 0, tail: 0 }))
}

impl<T> Ring<T> {
    #[inline(always)]
    fn slot(&self, number: usize) -> &UnsafeCell<MaybeUninit<T>> {
        // SAFETY: cut to the length, which is a power of two and not 0.
        unsafe { self.slots.get_unchecked(number & (self.slots.len() - 1)) }
    }

    /// The `count` slots from `number` on, in the two pieces they may be in.
    fn pieces(
        &self,
        number: usize,
        count: usize,
    ) -> impl Iterator<Item = &UnsafeCell<MaybeUninit<T>>> {
        let start = number & (self.slots.len() - 1);
        let first = count.min(self.slots.len() - start);
        self.slots[start..start + first].iter().chain(&self.slots[..count - first])
    }
}

impl<T> Producer<T> {
    /// Appends a value, or gives it back when the queue is full.
    ///
    /// # Errors
    /// The value.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), T> {
        if self.room() == 0 {
            return Err(value);
        }
        // SAFETY: there is room: the slot is the producer's until `tail` says otherwise.
        self.ring.slot(self.tail).with_mut(|slot| unsafe { (*slot).write(value) });
        self.publish(1);
        Ok(())
    }

    /// Appends as many of `values` as there is room for, and says how many.
    pub fn push_slice(&mut self, values: &[T]) -> usize
    where
        T: Copy,
    {
        let room = if self.cached_room() < values.len() { self.fresh_room() } else { values.len() };
        let count = room.min(values.len());
        for (slot, value) in self.ring.pieces(self.tail, count).zip(values) {
            // SAFETY: as for `push`.
            slot.with_mut(|slot| unsafe { (*slot).write(*value) });
        }
        self.publish(count);
        count
    }

    /// The number of values that can be pushed now, at least.
    #[inline]
    pub fn room(&mut self) -> usize {
        let cached = self.cached_room();
        if cached > 0 { cached } else { self.fresh_room() }
    }

    /// The number of values that fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.ring.capacity
    }

    /// Whether the other end is gone, and nobody will pop.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.ring.abandoned.load(Ordering::Acquire)
    }

    #[inline(always)]
    fn cached_room(&self) -> usize {
        self.ring.capacity - self.tail.wrapping_sub(self.head)
    }

    fn fresh_room(&mut self) -> usize {
        // Acquire: what the consumer did with the slots below `head` came before.
        self.head = self.ring.head.load(Ordering::Acquire);
        self.cached_room()
    }

    #[inline(always)]
    fn publish(&mut self, count: usize) {
        self.tail = self.tail.wrapping_add(count);
        // Release: the values are written before they are counted.
        self.ring.tail.store(self.tail, Ordering::Release);
    }
}

impl<T> Consumer<T> {
    /// Takes the oldest value, if there is one.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.available() == 0 {
            return None;
        }
        // SAFETY: numbers below `tail` hold values, and this one was not popped yet.
        let value = self.ring.slot(self.head).with(|slot| unsafe { (*slot).assume_init_read() });
        self.release(1);
        Some(value)
    }

    /// Moves as many values as there are, and as `into` has places, to its beginning, and says how
    /// many.
    pub fn pop_slice(&mut self, into: &mut [T]) -> usize
    where
        T: Copy,
    {
        let there =
            if self.cached_available() < into.len() { self.fresh_available() } else { into.len() };
        let count = there.min(into.len());
        for (slot, place) in self.ring.pieces(self.head, count).zip(into) {
            // SAFETY: as for `pop`.
            *place = slot.with(|slot| unsafe { (*slot).assume_init_read() });
        }
        self.release(count);
        count
    }

    /// The number of values that can be popped now, at least.
    #[inline]
    pub fn available(&mut self) -> usize {
        let cached = self.cached_available();
        if cached > 0 { cached } else { self.fresh_available() }
    }

    /// Whether the other end is gone. What it pushed before can still be popped.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.ring.abandoned.load(Ordering::Acquire)
    }

    #[inline(always)]
    fn cached_available(&self) -> usize {
        self.tail.wrapping_sub(self.head)
    }

    fn fresh_available(&mut self) -> usize {
        // Acquire: the values below `tail` are written.
        self.tail = self.ring.tail.load(Ordering::Acquire);
        self.cached_available()
    }

    #[inline(always)]
    fn release(&mut self, count: usize) {
        self.head = self.head.wrapping_add(count);
        // Release: the values are read before their slots are free.
        self.ring.head.store(self.head, Ordering::Release);
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        // Release: who sees this sees all that was pushed.
        self.ring.abandoned.store(true, Ordering::Release);
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.ring.abandoned.store(true, Ordering::Release);
        // The values nobody will pop; those pushed from now on are the ring's, when it is dropped.
        // A producer that goes on does not keep this one here for ever.
        for _ in 0..self.fresh_available() {
            drop(self.pop());
        }
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        let mut number = self.head.load(Ordering::Relaxed);
        let tail = self.tail.load(Ordering::Relaxed);
        while number != tail {
            // SAFETY: both ends are gone, and these values were never popped.
            self.slot(number).with_mut(|slot| unsafe { (*slot).assume_init_drop() });
            number = number.wrapping_add(1);
        }
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("pushed", &self.tail).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("popped", &self.head).finish_non_exhaustive()
    }
}
