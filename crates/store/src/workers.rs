mod ordered;

pub(crate) use ordered::in_order;

use std::any::Any;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// The engine's threads, one a processor, for all stores of the process.
///
/// They are not rayon's global pool: a program's own jobs there may wait for the store, and the
/// store must not wait for them.
#[must_use]
pub fn workers() -> &'static ThreadPool {
    static WORKERS: LazyLock<ThreadPool> = LazyLock::new(|| {
        let builder = ThreadPoolBuilder::new().thread_name(|number| format!("tidemill-{number}"));
        #[expect(clippy::expect_used, reason = "a process that can start no thread can do nothing")]
        builder.build().expect("threads can be started")
    });
    &WORKERS
}

/// Runs `work` on the calling thread and on others, at most `most` and one a processor in all,
/// and waits for them: each takes what is next until nothing is left.
///
/// The others are no threads of the pool: what takes as long as a segment would keep those from
/// every query until its end, and one segment waiting for another.
///
/// # Panics
/// When one of them does.
pub(crate) fn together(most: usize, work: impl Fn() + Sync) {
    let threads = most.min(workers().current_num_threads());
    thread::scope(|scope| {
        for _ in 1..threads {
            let thread = thread::Builder::new().name("tidemill-blocks".into());
            if let Err(error) = thread.spawn_scoped(scope, &work) {
                tracing::warn!(%error, "no thread beside the others: they take longer");
                break;
            }
        }
        work();
    });
}

/// How often the last units are looked for before the thread sleeps: about as long as waking it takes.
const SPINS: usize = 2000;

/// Does units of work, and gives what came of each, in their order. After an error no other unit begins; of several
/// errors it gives that of the first unit.
///
/// The calling thread works as well, and as many of the engine's threads as are free help it. It does not wait for them to
/// wake up, which takes as long as a small query: who comes when nothing is left goes again. That is why the work must not
/// borrow anything.
///
/// # Errors
/// Those of the work.
///
/// # Panics
/// When the work does.
pub fn share<T, R, E>(
    units: Vec<T>,
    work: impl Fn(&T) -> Result<R, E> + Send + Sync + 'static,
) -> Result<Vec<R>, E>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
    E: Send + 'static,
{
    let helpers = workers().current_num_threads().min(units.len()).saturating_sub(1);
    if helpers == 0 {
        return units.iter().map(work).collect();
    }
    let done = units.iter().map(|_| None).collect();
    let (next, left) = (AtomicUsize::new(0), AtomicUsize::new(units.len()));
    let shared =
        Arc::new(Shared { units, work, next, left, done: Mutex::new(done), all: Condvar::new() });
    for _ in 0..helpers {
        // Who comes late finds nothing, and has kept nothing.
        let shared = Arc::downgrade(&shared);
        workers().spawn(move || {
            if let Some(shared) = shared.upgrade() {
                shared.work();
            }
        });
    }
    shared.work();
    let done = shared.wait();
    // A panic is more than an error.
    let ended = |outcome: Outcome<Result<R, E>>| match outcome? {
        Ok(result) => Some(result),
        Err(panic) => resume_unwind(panic),
    };
    let done: Vec<Result<R, E>> = done.into_iter().filter_map(ended).collect();
    done.into_iter().collect()
}

/// What a unit came to, or the panic it ended with; `None`: it has not ended.
type Outcome<R> = Option<Result<R, Box<dyn Any + Send>>>;

/// Units of work that several threads take one by one.
struct Shared<T, R, F> {
    units: Vec<T>,
    work: F,
    /// The unit that is taken next.
    next: AtomicUsize,
    /// How many have not ended.
    left: AtomicUsize,
    done: Mutex<Vec<Outcome<R>>>,
    /// None is left.
    all: Condvar,
}

impl<T, R, E, F: Fn(&T) -> Result<R, E>> Shared<T, Result<R, E>, F> {
    fn work(&self) {
        loop {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(unit) = self.units.get(place) else { return };
            let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(unit)));
            let mut ended = 1;
            if !matches!(outcome, Ok(Ok(_))) {
                // Those that nobody has taken end as well.
                let next = self.next.swap(self.units.len(), Ordering::Relaxed);
                ended += self.units.len().saturating_sub(next);
            }
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            done[place] = Some(outcome);
            // Released: whoever reads that none is left sees what they came to.
            if self.left.fetch_sub(ended, Ordering::Release) == ended {
                self.all.notify_all();
            }
        }
    }

    /// What the units came to, once all have ended.
    fn wait(&self) -> Vec<Outcome<Result<R, E>>> {
        for _ in 0..SPINS {
            if self.left.load(Ordering::Acquire) == 0 {
                break;
            }
            spin_loop();
        }
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        while self.left.load(Ordering::Acquire) > 0 {
            done = self.all.wait(done).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::take(&mut done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::time::Duration;

    #[test]
    fn units_are_done_once_and_told_in_order() {
        for units in [0, 1, 2, 3, 100] {
            let done = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&done);
            let squares = share((0..units).collect(), move |unit: &usize| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok::<_, ()>(unit * unit)
            });
            assert_eq!(squares, Ok((0..units).map(|unit| unit * unit).collect()));
            assert_eq!(done.load(Ordering::Relaxed), units);
        }
    }

    #[test]
    fn what_is_done_together_is_done_by_so_many() {
        let processors = workers().current_num_threads();
        for most in [0, 1, 2, 1000] {
            let threads = most.clamp(1, processors);
            // All of them have to come.
            let (barrier, came) = (Barrier::new(threads), AtomicUsize::new(0));
            together(most, || {
                barrier.wait();
                came.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(came.load(Ordering::Relaxed), threads);
        }
    }

    #[test]
    fn others_help_and_the_caller_waits_for_them() {
        if workers().current_num_threads() < 2 {
            return;
        }
        // The caller and one of the workers.
        let barrier = Arc::new(Barrier::new(2));
        let me = std::thread::current().id();
        let meet = Arc::clone(&barrier);
        let told = share(vec![(); 2], move |()| {
            meet.wait();
            let is_caller = std::thread::current().id() == me;
            if !is_caller {
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok::<_, ()>(is_caller)
        });
        let mut told = told.unwrap();
        told.sort_unstable();
        assert_eq!(told, [false, true]);
    }

    #[test]
    fn after_an_error_no_other_unit_begins() {
        let done = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&done);
        let units = 10_000;
        let told = share((0..units).collect(), move |unit: &usize| {
            count.fetch_add(1, Ordering::Relaxed);
            if *unit >= 5 { Err(*unit) } else { Ok(()) }
        });
        let threads = workers().current_num_threads();
        assert!(told.is_err_and(|unit| unit < 5 + threads));
        assert!(done.load(Ordering::Relaxed) <= 5 + threads);
    }

    #[test]
    fn a_panic_is_the_callers() {
        let told = catch_unwind(|| {
            share(
                (0..50).collect(),
                |unit: &usize| if *unit == 7 { panic!("seven") } else { Ok::<_, ()>(()) },
            )
        });
        let panic = told.unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"seven"));
        // Also behind an error.
        if workers().current_num_threads() < 2 {
            return;
        }
        let barrier = Barrier::new(2);
        let told = catch_unwind(AssertUnwindSafe(|| {
            share(vec![false, true], move |panics: &bool| {
                barrier.wait();
                if *panics { panic!("late") } else { Err::<(), _>("early") }
            })
        }));
        assert_eq!(told.unwrap_err().downcast_ref::<&str>(), Some(&"late"));
    }
}
