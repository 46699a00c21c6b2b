//! What is said of memory is what the allocator says, and a refusal of the allocator is an error.
#![expect(clippy::undocumented_unsafe_blocks, reason = "one allocator that counts for the tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tidemill_memory::{Interner, StringList};

struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// The most that may be held.
    static LIMIT: Cell<isize> = const { Cell::new(isize::MAX) };
}

/// Whether `more` bytes are within the limit.
fn take(more: isize) -> bool {
    let held = HELD.get() + more;
    let fits = more <= 0 || held <= LIMIT.get();
    if fits {
        HELD.set(held);
    }
    fits
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if take(layout.size() as isize) {
            unsafe { System.alloc(layout) }
        } else {
            std::ptr::null_mut()
        }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        take(-(layout.size() as isize));
        unsafe { System.dealloc(block, layout) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if take(size as isize - layout.size() as isize) {
            unsafe { System.realloc(block, layout, size) }
        } else {
            std::ptr::null_mut()
        }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn key(number: u32) -> String {
    format!("hostname=host_{number},region=eu-west-1")
}

#[test]
fn memory_is_what_was_allocated() {
    let keys: StringList = (0..20_000).map(key).collect();
    let before = HELD.get();
    let held = || (HELD.get() - before) as usize;
    let mut interner = Interner::new();
    assert_eq!((interner.memory_bytes(), held()), (0, 0));
    for key in &keys {
        interner.intern(key.as_bytes());
        assert_eq!(interner.memory_bytes(), held());
    }
    interner.truncate(10);
    assert_eq!(interner.memory_bytes(), held());
    interner.clear();
    assert_eq!(interner.memory_bytes(), held());
    drop(interner);
    assert_eq!(held(), 0);
}

/// Growth needs the new block only: large ones are never held twice.
#[test]
fn growth_has_no_spike() {
    let before = HELD.get();
    let mut interner = Interner::new();
    let mut peak = 0;
    for number in 0..100_000u32 {
        let key = number.to_le_bytes();
        // The limit is what would be held after growing everything by its step.
        LIMIT.set(HELD.get() + interner.memory_bytes() as isize / 2 + 1024);
        interner.intern(&key);
        peak = peak.max(HELD.get() - before);
    }
    LIMIT.set(isize::MAX);
    let needed = 100_000 * (4 + 4 + 8);
    assert!(peak as usize <= needed * 2, "{peak} bytes");
}

#[test]
fn a_refused_allocation_is_an_error_and_changes_nothing() {
    let keys: StringList = (0..3000).map(key).collect();
    let mut interner = Interner::new();
    let mut refusals = 0;
    for (id, key) in keys.iter().enumerate() {
        LIMIT.set(HELD.get());
        let first = interner.try_intern(key.as_bytes());
        LIMIT.set(isize::MAX);
        if let Err(error) = first {
            refusals += 1;
            assert!(!error.is_full());
            assert_eq!((interner.len(), interner.get(key.as_bytes())), (id, None));
            assert_eq!(interner.intern(key.as_bytes()), (id as u32, true));
        }
    }
    assert!(refusals > 20, "{refusals}");
    assert!(keys.iter().zip(0..).all(|(key, id)| interner.get(key.as_bytes()) == Some(id)));
    let mut list = StringList::new();
    LIMIT.set(HELD.get());
    assert!(list.try_push("a").is_err());
    LIMIT.set(isize::MAX);
    assert!(list.is_empty());
}
