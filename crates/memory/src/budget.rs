use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::OutOfMemory;
use crate::shared::Shared;

/// Bytes that may be used, shared by everything that holds data of one store.
///
/// Clones share one account. Memtables, decode buffers and query operators draw
/// [`Reservation`]s from it; a reservation gives its bytes back when dropped.
#[derive(Clone, Debug)]
pub struct Budget {
    account: Shared<Account>,
}

#[derive(Debug)]
struct Account {
    limit_bytes: usize,
    used: Mutex<Used>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Used {
    bytes: usize,
    peak_bytes: usize,
}

impl Budget {
    /// A budget of `limit_bytes`.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self::try_new(limit_bytes).unwrap_or_else(|refused| refused.raise())
    }

    /// A budget of `limit_bytes`.
    ///
    /// # Errors
    /// [`OutOfMemory`]. Nothing after this allocates.
    pub fn try_new(limit_bytes: usize) -> Result<Self, OutOfMemory> {
        let account =
            Account { limit_bytes, used: Mutex::new(Used::default()), returned: Condvar::new() };
        Ok(Self { account: Shared::try_new(account)? })
    }

    /// The number of bytes that may be used at a time.
    #[must_use]
    pub fn limit_bytes(&self) -> usize {
        self.account.limit_bytes
    }

    /// Bytes reserved now.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.account.lock().bytes
    }

    /// The most bytes that were ever reserved at a time.
    #[must_use]
    pub fn peak_bytes(&self) -> usize {
        self.account.lock().peak_bytes
    }

    /// Reserves `bytes`, or says why not.
    ///
    /// # Errors
    /// [`OverBudget`] when fewer than `bytes` are free.
    pub fn try_reserve(&self, bytes: usize) -> Result<Reservation, OverBudget> {
        let mut reservation = self.empty();
        reservation.try_grow(bytes)?;
        Ok(reservation)
    }

    /// Reserves `bytes`, waiting until others have given enough back.
    ///
    /// # Errors
    /// [`OverBudget`] when `bytes` is more than the whole budget: waiting would never end.
    pub fn reserve(&self, bytes: usize) -> Result<Reservation, OverBudget> {
        let account = &self.account;
        if bytes > account.limit_bytes {
            return Err(OverBudget {
                wanted_bytes: bytes,
                used_bytes: 0,
                limit_bytes: account.limit_bytes,
            });
        }
        let mut used = account.lock();
        while account.limit_bytes - used.bytes.min(account.limit_bytes) < bytes {
            used = account.returned.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        used.take(bytes);
        drop(used);
        Ok(Reservation { budget: self.clone(), bytes })
    }

    /// A reservation of nothing, to grow later.
    #[must_use]
    pub fn empty(&self) -> Reservation {
        Reservation { budget: self.clone(), bytes: 0 }
    }
}

impl Account {
    fn lock(&self) -> MutexGuard<'_, Used> {
        // The account is two counters that are always consistent: a panic elsewhere cannot tear it.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    fn take(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.peak_bytes = self.peak_bytes.max(self.bytes);
    }
}

/// Bytes taken from a [`Budget`]; dropping it gives them back.
#[derive(Debug)]
pub struct Reservation {
    budget: Budget,
    bytes: usize,
}

impl Reservation {
    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes `more` bytes, or says why not.
    ///
    /// # Errors
    /// [`OverBudget`] when fewer than `more` are free; the reservation is unchanged.
    pub fn try_grow(&mut self, more: usize) -> Result<(), OverBudget> {
        let account = &self.budget.account;
        let mut used = account.lock();
        if account.limit_bytes.saturating_sub(used.bytes) < more {
            return Err(OverBudget {
                wanted_bytes: more,
                used_bytes: used.bytes,
                limit_bytes: account.limit_bytes,
            });
        }
        used.take(more);
        self.bytes += more;
        Ok(())
    }

    /// Sets the reservation to `bytes` even beyond the limit.
    ///
    /// For what is already in memory and cannot be refused (a replayed log): the excess counts
    /// against everyone who asks later.
    pub fn force(&mut self, bytes: usize) {
        if bytes < self.bytes {
            self.shrink(self.bytes - bytes);
        } else {
            self.budget.account.lock().take(bytes - self.bytes);
            self.bytes = bytes;
        }
    }

    /// Takes over what another reservation of the same budget holds.
    ///
    /// # Panics
    /// When it is of another budget.
    pub fn absorb(&mut self, mut other: Self) {
        assert!(std::ptr::eq(&*self.budget.account, &*other.budget.account), "of another budget");
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Gives `less` bytes back (at most what is held).
    pub fn shrink(&mut self, less: usize) {
        let less = less.min(self.bytes);
        self.bytes -= less;
        self.budget.account.lock().bytes -= less;
        self.budget.account.returned.notify_all();
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

/// A reservation that does not fit into its [`Budget`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverBudget {
    /// Bytes asked for.
    pub wanted_bytes: usize,
    /// Bytes in use at that moment.
    pub used_bytes: usize,
    /// Bytes that may be used at a time.
    pub limit_bytes: usize,
}

impl fmt::Display for OverBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "memory budget exceeded: {} bytes wanted, {} of {} in use; raise it with --memory",
            self.wanted_bytes, self.used_bytes, self.limit_bytes
        )
    }
}

impl std::error::Error for OverBudget {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn what_is_absorbed_is_held_until_both_are_gone() {
        let budget = Budget::new(100);
        let mut all = budget.try_reserve(60).unwrap();
        all.absorb(budget.try_reserve(40).unwrap());
        assert_eq!((all.bytes(), budget.used_bytes(), budget.peak_bytes()), (100, 100, 100));
        drop(all);
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    #[should_panic(expected = "of another budget")]
    fn what_is_of_another_budget_is_not_absorbed() {
        let other = Budget::new(100).try_reserve(1).unwrap();
        Budget::new(100).empty().absorb(other);
    }

    #[test]
    fn a_dropped_reservation_gives_its_bytes_back() {
        let budget = Budget::new(100);
        let held = budget.try_reserve(60).unwrap();
        let refused = budget.try_reserve(50).unwrap_err();
        assert_eq!(refused, OverBudget { wanted_bytes: 50, used_bytes: 60, limit_bytes: 100 });
        drop(held);
        assert_eq!(budget.used_bytes(), 0);
        assert_eq!(budget.peak_bytes(), 60);
        assert_eq!(budget.try_reserve(100).unwrap().bytes(), 100);
    }

    #[test]
    fn a_waiter_wakes_when_bytes_return() {
        let budget = Budget::new(10);
        let held = budget.reserve(8).unwrap();
        let waiter = thread::spawn({
            let budget = budget.clone();
            move || budget.reserve(5).map(|r| r.bytes())
        });
        drop(held);
        assert_eq!(waiter.join().unwrap(), Ok(5));
    }

    #[test]
    fn waiting_for_more_than_the_whole_is_refused() {
        assert!(Budget::new(10).reserve(11).is_err());
    }

    #[test]
    fn force_may_exceed_and_is_returned() {
        let budget = Budget::new(10);
        let mut r = budget.empty();
        r.force(25);
        assert_eq!(budget.used_bytes(), 25);
        assert!(budget.try_reserve(1).is_err());
        r.force(3);
        assert_eq!(budget.used_bytes(), 3);
        drop(r);
        assert_eq!(budget.used_bytes(), 0);
    }
}
