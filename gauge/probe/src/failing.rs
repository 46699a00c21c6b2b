//! An allocator that refuses when told to, to prove that nothing is lost then.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr::null_mut;

thread_local! {
    static PLAN: Cell<Plan> = const { Cell::new(Plan::NONE) };
}

/// Which of the requests to come are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuse {
    /// The one of this number, counted from 0, and no other.
    Once(u64),
    /// That of this number and all after it.
    From(u64),
}

#[derive(Clone, Copy)]
struct Plan {
    /// The first request that is refused, and the first after it that is not.
    first: u64,
    end: u64,
    requests: u64,
    refused: u64,
}

impl Plan {
    const NONE: Self = Self { first: u64::MAX, end: u64::MAX, requests: 0, refused: 0 };
}

/// An allocator that refuses requests of a thread while that is in [`Refusing::run`], and otherwise does
/// as `A` does. For tests: it makes every request a little slower.
///
/// Code that cannot go on without memory ends the process (`handle_alloc_error`), which is what a test
/// of it then does: nothing passes by accident.
///
/// ```
/// use std::alloc::System;
/// use gauge_probe::{Failing, Refuse, Refusing};
///
/// #[global_allocator]
/// static ALLOCATOR: Failing<System> = Failing::new(System);
///
/// let mut values: Vec<u8> = Vec::new();
/// let mut gate = Refusing::new(Refuse::Once(0));
/// assert!(gate.run(|| values.try_reserve(10)).is_err());
/// assert!(gate.run(|| values.try_reserve(10)).is_ok());
/// assert_eq!((gate.requests(), gate.refused()), (2, 1));
/// ```
#[derive(Debug, Default)]
pub struct Failing<A> {
    inner: A,
}

impl<A> Failing<A> {
    /// `inner`, which may be told to refuse.
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self { inner }
    }
}

/// What is refused, and what was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Refusing {
    which: Refuse,
    requests: u64,
    refused: u64,
}

impl Refusing {
    /// Nothing is asked for yet.
    #[must_use]
    pub const fn new(which: Refuse) -> Self {
        Self { which, requests: 0, refused: 0 }
    }

    /// Runs `run`, while this thread's requests are counted and refused. Requests between one run and the
    /// next, for a test's model for instance, are neither.
    ///
    /// `run` had better not panic: a panic allocates. Give results back, and look at them after.
    pub fn run<R>(&mut self, run: impl FnOnce() -> R) -> R {
        struct Restored(Plan);
        impl Drop for Restored {
            fn drop(&mut self) {
                PLAN.set(self.0);
            }
        }
        let (first, end) = match self.which {
            Refuse::Once(number) => (number, number.saturating_add(1)),
            Refuse::From(number) => (number, u64::MAX),
        };
        let Self { requests, refused, .. } = *self;
        let restored = Restored(PLAN.replace(Plan { first, end, requests, refused }));
        let result = run();
        let Plan { requests, refused, .. } = PLAN.get();
        (self.requests, self.refused) = (requests, refused);
        drop(restored);
        result
    }

    /// Allocations and reallocations that were asked for, refused ones among them.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// Requests that were refused.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

/// Calls `run` with its first request refused, then with its second, and so on, each time once and for ever,
/// until nothing was left to refuse. Gives the number of requests that were refused.
pub fn refuse_each(mut run: impl FnMut(&mut Refusing)) -> u64 {
    let mut total = 0;
    for number in 0.. {
        let before = total;
        for which in [Refuse::Once(number), Refuse::From(number)] {
            let mut refusing = Refusing::new(which);
            run(&mut refusing);
            total += refusing.refused();
        }
        if total == before {
            break;
        }
    }
    total
}

/// Counts a request; whether it is refused.
fn is_refused() -> bool {
    let mut plan = PLAN.get();
    let refused = (plan.first..plan.end).contains(&plan.requests);
    plan.requests += 1;
    plan.refused += u64::from(refused);
    PLAN.set(plan);
    refused
}

// SAFETY: every call is either refused by a null pointer or goes to `inner` as it comes, with its
// promises. What counts is a thread-local cell without a destructor, which allocates nothing.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Failing<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_refused() {
            return null_mut();
        }
        // SAFETY: the caller's promise.
        unsafe { self.inner.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_refused() {
            return null_mut();
        }
        // SAFETY: the caller's promise.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.inner.dealloc(pointer, layout) };
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if is_refused() {
            return null_mut();
        }
        // SAFETY: the caller's promise; a null pointer leaves the old block as it is.
        unsafe { self.inner.realloc(pointer, layout, new_size) }
    }
}
