//! Lengths of strings that end, and begin, at a page that cannot be read.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::ffi::CStr;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use tidemill_machine::cstr;

/// A page between two that cannot be read.
struct Page {
    start: *mut u8,
    bytes: usize,
}

impl Page {
    fn new() -> Self {
        let bytes = rustix::param::page_size();
        let flags = MapFlags::PRIVATE;
        // SAFETY: three new pages; the one in the middle becomes readable.
        let start = unsafe {
            let first =
                mmap_anonymous(std::ptr::null_mut(), 3 * bytes, ProtFlags::empty(), flags).unwrap();
            let start = first.cast::<u8>().add(bytes);
            mprotect(start.cast(), bytes, MprotectFlags::READ | MprotectFlags::WRITE).unwrap();
            start
        };
        Self { start, bytes }
    }

    fn slice(&mut self) -> &mut [u8] {
        // SAFETY: the page is ours and has been zeroed by the kernel.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.bytes) }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: the three pages of `new`.
        unsafe { munmap(self.start.sub(self.bytes).cast(), 3 * self.bytes).unwrap() };
    }
}

fn check(string: &CStr, wanted: usize, place: &str) {
    assert_eq!(cstr::strlen_c(string), wanted, "C, {place}");
    assert_eq!(cstr::strlen_bytes(string), wanted, "bytes, {place}");
    assert_eq!(cstr::strlen_simd(string), wanted, "SIMD, {place}");
}

#[test]
fn checkpoints() {
    for (string, wanted) in [(c"", 0), (c"hello", 5), (c"hello world", 11)] {
        check(string, wanted, "checkpoint");
    }
}

/// Every length at every alignment, with zeros before and after the string, or none.
#[test]
fn every_length_and_alignment() {
    for around in [0, 0xFF] {
        let mut memory = vec![around; 1024];
        let base = memory.as_ptr().addr().wrapping_neg() % 64;
        for offset in 64..128 {
            for length in 0..=300 {
                let start = base + offset;
                memory.fill(around);
                memory[start..start + length].fill(1 + (length % 255) as u8);
                memory[start + length] = 0;
                let string = CStr::from_bytes_with_nul(&memory[start..=start + length]).unwrap();
                check(string, length, &format!("offset {offset}, among {around}"));
            }
        }
    }
}

#[test]
fn at_both_ends_of_a_page() {
    let mut page = Page::new();
    let bytes = page.bytes;
    for length in (0..=300).chain([bytes - 2, bytes - 1]) {
        let memory = page.slice();
        memory.fill(0xFF);
        memory[bytes - 1] = 0;
        let last = CStr::from_bytes_with_nul(&memory[bytes - 1 - length..]).unwrap();
        check(last, length, "at the end");
        memory[length] = 0;
        let first = CStr::from_bytes_with_nul(&memory[..=length]).unwrap();
        check(first, length, "at the beginning");
    }
}
