//! The C library's functions, as a program finds them.
//!
//! Each finds the one that would have been called (`dlsym` with `RTLD_NEXT`), calls it, and tells [`SITES`].

#![expect(unreachable_pub, reason = "the loader reaches them by name")]

use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::{SITES, early};
use crate::{Block, Observer};

/// A function of the next library.
struct Next {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
}

/// While the first thread looks for it: what it allocates for that is early memory.
const SEARCHING: *mut c_void = std::ptr::without_provenance_mut(1);

impl Next {
    const fn new(name: &'static CStr) -> Self {
        Self { name, address: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// `None` if there is none, or it is being searched for.
    #[inline]
    fn get(&self) -> Option<*mut c_void> {
        let address = self.address.load(Ordering::Acquire);
        if address.addr() > SEARCHING.addr() { Some(address) } else { self.search() }
    }

    #[cold]
    fn search(&self) -> Option<*mut c_void> {
        if self.address.swap(SEARCHING, Ordering::AcqRel) == SEARCHING {
            return None;
        }
        // SAFETY: a C string.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        self.address.store(found, Ordering::Release);
        (!found.is_null()).then_some(found)
    }
}

type Malloc = unsafe extern "C" fn(usize) -> *mut c_void;
type Calloc = unsafe extern "C" fn(usize, usize) -> *mut c_void;
type Realloc = unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
type PosixMemalign = unsafe extern "C" fn(*mut *mut c_void, usize, usize) -> c_int;
type Memalign = unsafe extern "C" fn(usize, usize) -> *mut c_void;

static MALLOC: Next = Next::new(c"malloc");
static CALLOC: Next = Next::new(c"calloc");
static REALLOC: Next = Next::new(c"realloc");
static FREE: Next = Next::new(c"free");
static POSIX_MEMALIGN: Next = Next::new(c"posix_memalign");
static ALIGNED_ALLOC: Next = Next::new(c"aligned_alloc");
static MEMALIGN: Next = Next::new(c"memalign");
static VALLOC: Next = Next::new(c"valloc");
static PVALLOC: Next = Next::new(c"pvalloc");

/// The next library's function as what it is.
macro_rules! next {
    ($next:expr, $type:ty) => {
        // SAFETY: the C library's function of that name has that type.
        $next.get().map(|address| unsafe { std::mem::transmute::<*mut c_void, $type>(address) })
    };
}

/// Finds them all, while there is one thread.
pub(super) fn find_all() {
    let all = [
        &MALLOC,
        &CALLOC,
        &REALLOC,
        &FREE,
        &POSIX_MEMALIGN,
        &ALIGNED_ALLOC,
        &MEMALIGN,
        &VALLOC,
        &PVALLOC,
    ];
    for next in all {
        let _ = next.get();
    }
}

fn block(pointer: *mut c_void, size: usize) -> Block {
    Block { address: pointer.addr(), size, align: 1 }
}

#[inline(always)]
fn seen(pointer: *mut c_void, size: usize) -> *mut c_void {
    if !pointer.is_null() {
        SITES.allocated(block(pointer, size));
    }
    pointer
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    match next!(MALLOC, Malloc) {
        // SAFETY: passed on.
        Some(next) => seen(unsafe { next(size) }, size),
        None => early::allocate(size).cast(),
    }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    match next!(CALLOC, Calloc) {
        // SAFETY: passed on. (A product that overflows gives no block.)
        Some(next) => seen(unsafe { next(count, size) }, count.wrapping_mul(size)),
        None => count.checked_mul(size).map_or(std::ptr::null_mut(), early::allocate).cast(),
    }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(pointer: *mut c_void) {
    if pointer.is_null() || early::bytes_from(pointer.cast()).is_some() {
        return;
    }
    SITES.deallocating(block(pointer, 0));
    if let Some(next) = next!(FREE, Free) {
        // SAFETY: passed on.
        unsafe { next(pointer) };
    }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(pointer: *mut c_void, size: usize) -> *mut c_void {
    if pointer.is_null() {
        // SAFETY: as the caller's.
        return unsafe { malloc(size) };
    }
    if let Some(readable) = early::bytes_from(pointer.cast()) {
        // SAFETY: as the caller's; the old block's size is not known, but it ends before `readable`.
        unsafe {
            let new = malloc(size);
            if !new.is_null() {
                new.cast::<u8>().copy_from(pointer.cast(), size.min(readable));
            }
            return new;
        }
    }
    let Some(next) = next!(REALLOC, Realloc) else { return std::ptr::null_mut() };
    if size == 0 {
        // It frees, and may give a new block or none.
        SITES.deallocating(block(pointer, 0));
        // SAFETY: passed on.
        return seen(unsafe { next(pointer, 0) }, 0);
    }
    let old = block(pointer, 0);
    SITES.reallocating(old);
    // SAFETY: passed on.
    let new = unsafe { next(pointer, size) };
    SITES.reallocated(old, (!new.is_null()).then(|| block(new, size)));
    new
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reallocarray(
    pointer: *mut c_void,
    count: usize,
    size: usize,
) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: as the caller's.
        Some(bytes) => unsafe { realloc(pointer, bytes) },
        None => {
            // SAFETY: this thread's `errno`.
            unsafe { *libc::__errno_location() = libc::ENOMEM };
            std::ptr::null_mut()
        }
    }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> c_int {
    let Some(next) = next!(POSIX_MEMALIGN, PosixMemalign) else { return libc::ENOMEM };
    // SAFETY: passed on; it was written if the answer is 0.
    unsafe {
        let error = next(out, align, size);
        if error == 0 {
            seen(*out, size);
        }
        error
    }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    let Some(next) = next!(ALIGNED_ALLOC, Memalign) else { return std::ptr::null_mut() };
    // SAFETY: passed on.
    seen(unsafe { next(align, size) }, size)
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    let Some(next) = next!(MEMALIGN, Memalign) else { return std::ptr::null_mut() };
    // SAFETY: passed on.
    seen(unsafe { next(align, size) }, size)
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn valloc(size: usize) -> *mut c_void {
    let Some(next) = next!(VALLOC, Malloc) else { return std::ptr::null_mut() };
    // SAFETY: passed on.
    seen(unsafe { next(size) }, size)
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pvalloc(size: usize) -> *mut c_void {
    let Some(next) = next!(PVALLOC, Malloc) else { return std::ptr::null_mut() };
    // SAFETY: passed on.
    seen(unsafe { next(size) }, size)
}
