use std::io;
use std::ptr::NonNull;

use super::{LINE_BYTES, Line};

const HUGE_BYTES: usize = 2 << 20;

/// What the kernel is asked to back memory with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// 4 KiB.
    Small,
    /// 2 MiB, where the kernel has them: [`Memory::huge_bytes`] tells.
    Huge,
}

/// Memory of its own, zeroed and touched; given back when dropped.
#[derive(Debug)]
pub struct Memory {
    mapped: NonNull<u8>,
    mapped_bytes: usize,
    start: NonNull<Line>,
    lines: usize,
}

// SAFETY: it owns what it points to, as a `Box` does.
unsafe impl Send for Memory {}

impl Memory {
    /// Maps `bytes`, rounded up to a line, and touches each page. It begins at a multiple of 2 MiB.
    ///
    /// # Errors
    /// What the kernel says; `OutOfMemory` when there is no such size.
    pub fn map(bytes: usize, pages: Pages) -> io::Result<Self> {
        let lines = bytes.div_ceil(LINE_BYTES).max(1);
        let whole =
            lines.checked_mul(LINE_BYTES).and_then(|b| b.checked_next_multiple_of(HUGE_BYTES));
        let mapped_bytes = whole.and_then(|bytes| bytes.checked_add(HUGE_BYTES));
        let mapped_bytes = mapped_bytes.ok_or(io::ErrorKind::OutOfMemory)?;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: no address is asked for, so that nothing is replaced.
        let mapped =
            unsafe { libc::mmap(std::ptr::null_mut(), mapped_bytes, access, flags, -1, 0) };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mapped = NonNull::new(mapped.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        let lead = mapped.addr().get().wrapping_neg() % HUGE_BYTES;
        // SAFETY: `lead` is below 2 MiB, and so much more was mapped.
        let start = unsafe { mapped.add(lead) }.cast::<Line>();
        let mut memory = Self { mapped, mapped_bytes, start, lines };
        let advice = match pages {
            Pages::Small => libc::MADV_NOHUGEPAGE,
            Pages::Huge => libc::MADV_HUGEPAGE,
        };
        // SAFETY: advice on what was just mapped; a kernel without huge pages refuses it, which changes nothing.
        unsafe { libc::madvise(mapped.as_ptr().cast(), mapped_bytes, advice) };
        // Written, and not only read: else all pages are the one page of zeros.
        memory.lines_mut().fill(Line([1; 8]));
        Ok(memory)
    }

    /// Its lines.
    pub fn lines(&self) -> &[Line] {
        // SAFETY: so many lines were mapped at `start`, zeroed, and are borrowed with `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.lines) }
    }

    /// Its lines, to be written.
    pub fn lines_mut(&mut self) -> &mut [Line] {
        // SAFETY: as in `lines`, and `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.lines) }
    }

    /// How many of its bytes the kernel backs with huge pages now; `None` where it does not say.
    pub fn huge_bytes(&self) -> Option<usize> {
        let maps = std::fs::read_to_string("/proc/self/smaps").ok()?;
        huge_bytes(&maps, self.start.addr().get(), self.lines * LINE_BYTES)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it was mapped so, and nothing borrows from it any more.
        unsafe { libc::munmap(self.mapped.as_ptr().cast(), self.mapped_bytes) };
    }
}

/// What `AnonHugePages` says of the mapping that holds the address, `bytes` at most.
fn huge_bytes(maps: &str, address: usize, bytes: usize) -> Option<usize> {
    let mut is_it = false;
    for line in maps.lines() {
        let first = line.split(' ').next().unwrap_or_default();
        if let Some((start, end)) = first.split_once('-') {
            let hex = |text| usize::from_str_radix(text, 16).ok();
            if let (Some(start), Some(end)) = (hex(start), hex(end)) {
                is_it = (start..end).contains(&address);
            }
        } else if is_it && let Some(size) = line.strip_prefix("AnonHugePages:") {
            let kibibytes: usize = size.trim().strip_suffix(" kB")?.trim().parse().ok()?;
            return Some((kibibytes << 10).min(bytes));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_aligned_whole_and_small_pages_are_small() {
        let mut memory = Memory::map((4 << 20) + 1, Pages::Small).unwrap();
        assert_eq!(memory.lines().len(), (4 << 20) / 64 + 1);
        assert_eq!(memory.lines().as_ptr().addr() % HUGE_BYTES, 0);
        memory.lines_mut().last_mut().unwrap().0[7] = 9;
        assert_eq!(memory.lines().last().unwrap().0[7], 9);
        assert_eq!(memory.huge_bytes(), Some(0));
        assert!(Memory::map(usize::MAX, Pages::Small).is_err());
    }

    #[test]
    fn the_right_mapping_is_read() {
        let maps = "1000-2000 rw-p 0 00:00 0\nAnonHugePages:         0 kB\n\
            200000-600000 rw-p 0 00:00 0 \nRss: 4096 kB\nAnonHugePages:      2048 kB\n";
        assert_eq!(huge_bytes(maps, 0x20_0000, 4 << 20), Some(2 << 20));
        assert_eq!(huge_bytes(maps, 0x20_0000, 4096), Some(4096));
        assert_eq!(huge_bytes(maps, 0x1000, 4096), Some(0));
        assert_eq!(huge_bytes(maps, 0x60_0000, 4096), None);
    }
}
