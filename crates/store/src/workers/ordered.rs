use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::panicking;

use super::together;

/// Makes things, several at a time, each from its place in `0..count`, and takes them in order.
///
/// The calling thread works as well. A thread makes what it needs with `start`, once. No thing
/// begins that is `in_flight` or more places behind what was taken, so that no more of them wait.
/// After an error no other begins; of several errors it gives the first thing's.
///
/// # Errors
/// Those of `make` and `take`.
///
/// # Panics
/// When one of them does.
pub(crate) fn in_order<W, R: Send, E: Send>(
    count: usize,
    in_flight: usize,
    start: impl Fn() -> W + Sync,
    make: impl Fn(&mut W, usize) -> Result<R, E> + Sync,
    take: impl FnMut(R) -> Result<(), E> + Send,
) -> Result<(), E> {
    let in_flight = in_flight.max(1);
    let order = Order {
        count,
        in_flight,
        state: Mutex::new(State {
            next: 0,
            taken: 0,
            waiting: BTreeMap::new(),
            failed: None,
            is_over: count == 0,
            take,
        }),
        moved: Condvar::new(),
    };
    together(count.min(in_flight), || {
        let _ends = EndAtPanic(&order);
        let mut worker = None;
        while let Some(place) = order.claim() {
            order.deliver(place, make(worker.get_or_insert_with(&start), place));
        }
    });
    let state = order.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.failed.map_or(Ok(()), |(_, error)| Err(error))
}

struct Order<R, E, T> {
    count: usize,
    in_flight: usize,
    state: Mutex<State<R, E, T>>,
    /// Something was taken, or all is over.
    moved: Condvar,
}

struct State<R, E, T> {
    /// The place that is claimed next.
    next: usize,
    /// How many were taken.
    taken: usize,
    /// What was made before its turn.
    waiting: BTreeMap<usize, R>,
    /// The first error, and of what.
    failed: Option<(usize, E)>,
    is_over: bool,
    take: T,
}

impl<R, E, T: FnMut(R) -> Result<(), E>> Order<R, E, T> {
    fn claim(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.is_over || state.next == self.count {
                return None;
            }
            if state.next < state.taken + self.in_flight {
                state.next += 1;
                return Some(state.next - 1);
            }
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn deliver(&self, place: usize, made: Result<R, E>) {
        let mut state = self.lock();
        match made {
            Ok(made) => drop(state.waiting.insert(place, made)),
            Err(error) => state.fail(place, error),
        }
        state.take_ready();
        self.moved.notify_all();
    }
}

impl<R, E, T> Order<R, E, T> {
    fn lock(&self) -> MutexGuard<'_, State<R, E, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R, E, T: FnMut(R) -> Result<(), E>> State<R, E, T> {
    fn take_ready(&mut self) {
        while let Some(made) = self.waiting.remove(&self.taken) {
            match (self.take)(made) {
                Ok(()) => self.taken += 1,
                Err(error) => self.fail(self.taken, error),
            }
        }
    }

    fn fail(&mut self, place: usize, error: E) {
        if self.failed.as_ref().is_none_or(|(first, _)| place < *first) {
            self.failed = Some((place, error));
        }
        self.is_over = true;
    }
}

/// So that nobody waits for what a thread that panicked had claimed.
struct EndAtPanic<'a, R, E, T>(&'a Order<R, E, T>);

impl<R, E, T> Drop for EndAtPanic<'_, R, E, T> {
    fn drop(&mut self) {
        if panicking() {
            self.0.lock().is_over = true;
            self.0.moved.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn things_are_taken_in_order_and_few_wait() {
        for (count, in_flight) in [(0, 4), (1, 4), (100, 1), (100, 3), (100, 1000)] {
            let (made, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let mut got = Vec::new();
            let make = |worker: &mut usize, place: usize| {
                *worker += 1;
                // Some are late.
                if place % 16 == 1 {
                    std::thread::sleep(Duration::from_millis(3));
                }
                let ahead = made.fetch_add(1, Ordering::SeqCst) + 1;
                assert!(ahead <= taken.load(Ordering::SeqCst) + in_flight + 1);
                Ok::<_, ()>(place)
            };
            let told = in_order(
                count,
                in_flight,
                || 0,
                make,
                |place| {
                    taken.fetch_add(1, Ordering::SeqCst);
                    got.push(place);
                    Ok(())
                },
            );
            assert_eq!((told, got), (Ok(()), (0..count).collect::<Vec<_>>()));
        }
    }

    #[test]
    fn the_first_error_is_told_and_nothing_is_taken_after_it() {
        let mut got = Vec::new();
        let make = |(): &mut (), place: usize| if place >= 20 { Err(place) } else { Ok(place) };
        let told = in_order(
            1000,
            8,
            || (),
            make,
            |place| {
                got.push(place);
                Ok(())
            },
        );
        assert_eq!(told, Err(20));
        assert!(got.len() <= 20 && got.iter().enumerate().all(|(at, place)| at == *place));

        // Also when it is the last to come.
        let make = |(): &mut (), place: usize| {
            if place == 0 {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err::<(), _>(place)
        };
        assert_eq!(in_order(1000, 8, || (), make, |()| Ok(())), Err(0));

        let mut got = Vec::new();
        let take = |place| {
            got.push(place);
            if place == 5 { Err(place) } else { Ok(()) }
        };
        assert_eq!(in_order(1000, 8, || (), |(): &mut (), place| Ok(place), take), Err(5));
        assert_eq!(got, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_panic_ends_it_for_all() {
        for in_flight in [1, 2, 100] {
            let told = catch_unwind(AssertUnwindSafe(|| {
                let make = |(): &mut (), place: usize| {
                    assert_ne!(place, 7, "seven");
                    Ok::<_, ()>(place)
                };
                in_order(100, in_flight, || (), make, |_| Ok(()))
            }));
            assert!(told.is_err());
            let told = catch_unwind(AssertUnwindSafe(|| {
                let take = |place| {
                    assert_ne!(place, 7, "seven");
                    Ok(())
                };
                in_order(100, in_flight, || (), |(): &mut (), place| Ok::<_, ()>(place), take)
            }));
            assert!(told.is_err());
        }
    }
}
