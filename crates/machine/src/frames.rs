//! Frame pointers: where this thread is, by the chain of records on its stack.
//!
//! A function built with frame pointers (`-Cforce-frame-pointers=yes`, C's `-fno-omit-frame-pointer`)
//! begins by pushing its caller's frame pointer below the return address, and points its own there: each record is
//! the address of the next one out and the address to return to. To follow them takes a few cycles each, where unwinding by
//! tables takes hundreds. std is built with them since Rust 1.79.
//!
//! A function built without leaves its caller's pointer alone, and is missing in the chain, or uses the
//! register for anything, and the chain ends or goes astray. [`Frames`] therefore reads nothing but this
//! thread's stack, and each record lies above the one before. Whether the addresses
//! are return addresses is for others to find out.

use std::marker::PhantomData;
use std::ops::Range;

use crate::arch;

/// A frame record's place, and the address that its function returns to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where on the stack it lies.
    pub frame: usize,
    /// The return address.
    pub address: usize,
}

/// Frame records from the innermost on, until the chain ends or leaves the stack.
#[derive(Clone, Debug)]
pub struct Frames {
    /// The next record, perhaps: anything at all.
    next: usize,
    /// No record begins below, or ends above.
    stack: Range<usize>,
    /// The stack is this thread's.
    not_send: PhantomData<*const ()>,
}

/// Bytes of a record.
const RECORD: usize = 2 * size_of::<usize>();

impl Frames {
    /// From the function on that calls this: its own record is the first.
    ///
    /// Nothing, where `stack`, [`Stack::of_this_thread`], does not hold the stack pointer (a
    /// signal's stack or a coroutine's), and on processors other than x86-64.
    #[inline(always)]
    #[must_use]
    pub fn here(stack: Stack) -> Self {
        let top = arch::frames::stack_pointer();
        let is_ours = stack.range().contains(&top);
        let end = if is_ours { stack.end } else { 0 };
        Self { next: arch::frames::frame_pointer(), stack: top..end, not_send: PhantomData }
    }

    /// The stack pointer, as it was in [`Self::here`]: what lies below belongs to functions called later.
    #[inline(always)]
    #[must_use]
    pub fn stack_pointer(&self) -> usize {
        self.stack.start
    }
}

impl Iterator for Frames {
    type Item = Record;

    #[inline(always)]
    fn next(&mut self) -> Option<Record> {
        let frame = self.next;
        let is_inside =
            frame >= self.stack.start && frame < self.stack.end.saturating_sub(RECORD - 1);
        if !is_inside || !frame.is_multiple_of(align_of::<usize>()) {
            return None;
        }
        // SAFETY: `here` saw that the stack pointer was in this thread's stack, and what lies between it
        // and the stack's end is in use. (The value is not `Send`, and moves outwards only.)
        let (next, address) = unsafe { arch::frames::record(frame) };
        self.next = next;
        self.stack.start = frame + 1;
        (address != 0).then_some(Record { frame, address })
    }
}

/// Where a thread's stack lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stack {
    start: usize,
    end: usize,
    /// It tells of one thread only.
    not_send: PhantomData<*const ()>,
}

impl Stack {
    /// No stack: no record is found on it.
    pub const NONE: Self = Self { start: 0, end: 0, not_send: PhantomData };

    /// This thread's, as the system knows it; `None` where it does not say.
    ///
    /// Some microseconds, for the first thread a file of the kernel's; may allocate: to be asked once a thread.
    #[must_use]
    pub fn of_this_thread() -> Option<Self> {
        let range = bounds()?;
        Some(Self { start: range.start, end: range.end, not_send: PhantomData })
    }

    /// Its addresses. The first thread's may grow downwards beyond them.
    #[inline]
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

#[cfg(target_os = "linux")]
fn bounds() -> Option<Range<usize>> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut start, mut bytes) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are written by the first call before the others read them, and are freed
    // once; this thread exists.
    let is_known = unsafe {
        libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) == 0 && {
            let known = libc::pthread_attr_getstack(attributes.as_ptr(), &mut start, &mut bytes);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
            known == 0
        }
    };
    let start: usize = start.addr();
    is_known.then_some(start..start.checked_add(bytes)?)
}

#[cfg(not(target_os = "linux"))]
fn bounds() -> Option<Range<usize>> {
    None
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn the_stack_is_where_its_variables_are() {
        let check = || {
            let variable = black_box(1u8);
            let stack = Stack::of_this_thread().unwrap();
            assert!(stack.range().contains(&(&raw const variable).addr()), "{stack:?}");
            stack.end
        };
        let here = check();
        assert_ne!(std::thread::spawn(check).join().unwrap(), here);
    }

    #[test]
    fn nothing_is_found_without_a_stack() {
        assert_eq!(Frames::here(Stack::NONE).count(), 0);
        // Another thread's stack: this thread's stack pointer is not in it.
        let range = std::thread::spawn(|| bounds().unwrap()).join().unwrap();
        let (start, end) = (range.start, range.end);
        let other = Stack { start, end, not_send: PhantomData };
        assert_eq!(Frames::here(other).count(), 0);
    }

    /// A stack of words made by hand: chains that end, go down, loop, lie askew or leave.
    #[test]
    fn a_chain_ends_where_it_is_broken() {
        let mut words = [0usize; 16];
        let at = |word: usize, words: &[usize; 16]| words.as_ptr().addr() + word * 8;
        let check = |words: &[usize; 16], first: usize, wanted: &[usize]| {
            // (The compiler must see that the words are read.)
            let words = black_box(words);
            let stack = at(0, words)..at(16, words);
            let found: Vec<usize> = Frames { next: first, stack, not_send: PhantomData }
                .map(|record| record.address)
                .collect();
            assert_eq!(found, wanted);
        };
        // Two records, the second one's caller is garbage.
        (words[0], words[1]) = (at(4, &words), 100);
        for garbage in [0, 1, usize::MAX, at(0, &words), at(4, &words), at(5, &words) + 4] {
            (words[4], words[5]) = (garbage, 200);
            check(&words, at(0, &words), &[100, 200]);
        }
        // The last one that fits, and one that does not.
        (words[4], words[14], words[15]) = (at(14, &words), 0, 300);
        check(&words, at(0, &words), &[100, 200, 300]);
        words[4] = at(15, &words);
        check(&words, at(0, &words), &[100, 200]);
        // A return address of 0 is none.
        words[5] = 0;
        check(&words, at(0, &words), &[100]);
        for first in [0, 8, at(0, &words) + 1, at(16, &words), usize::MAX - 7] {
            check(&words, first, &[]);
        }
    }
}
