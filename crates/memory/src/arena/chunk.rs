use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;

use allocator_api2::alloc::Allocator;

use crate::OutOfMemory;
use crate::pages::{HUGE_PAGE_BYTES, advise_huge};

/// What stands at the beginning of a chunk, on a cache line of its own.
#[repr(C, align(64))]
pub(super) struct Chunk {
    next: Cell<Option<NonNull<Chunk>>>,
    layout: Layout,
    /// Bytes that were in use in the arena when it went on to this chunk.
    used_beneath: Cell<usize>,
}

/// Bytes at the beginning of every chunk that are not handed out.
pub(super) const HEADER_BYTES: usize = size_of::<Chunk>();

/// A chunk by its address. Copies are the same chunk; `Chunks` says who may free it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkRef(NonNull<Chunk>);

impl ChunkRef {
    fn header(&self) -> &Chunk {
        // SAFETY: a `ChunkRef` stands for a chunk that is allocated and whose header was written
        // by `Source::chunk`; it is freed by `Source::free` only, which takes the last one. The
        // header's fields that change are cells, and chunks are not shared between threads.
        unsafe { self.0.as_ref() }
    }

    /// Bytes of the chunk, header included.
    pub(super) fn bytes(self) -> usize {
        self.header().layout.size()
    }

    /// The first byte after the header.
    pub(super) fn start(self) -> NonNull<u8> {
        // SAFETY: every chunk is longer than its header.
        unsafe { self.0.cast::<u8>().add(HEADER_BYTES) }
    }

    /// One past the last byte.
    pub(super) fn end(self) -> NonNull<u8> {
        // SAFETY: one past the end of the same allocation. (The pointer within has the provenance
        // of the whole chunk: it comes from the allocator, not from a reference to the header.)
        unsafe { self.0.cast::<u8>().add(self.bytes()) }
    }

    pub(super) fn used_beneath(self) -> usize {
        self.header().used_beneath.get()
    }

    pub(super) fn set_used_beneath(self, bytes: usize) {
        self.header().used_beneath.set(bytes);
    }

    /// Whether `layout` fits into the chunk when it is empty.
    fn holds(self, layout: Layout) -> bool {
        let start = self.start().addr().get();
        let pad = start.wrapping_neg() & (layout.align() - 1);
        pad + layout.size() <= self.bytes() - HEADER_BYTES
    }
}

/// A stack of chunks, linked through their headers.
#[derive(Default)]
pub(super) struct Chunks {
    top: Cell<Option<ChunkRef>>,
}

impl Chunks {
    pub(super) fn top(&self) -> Option<ChunkRef> {
        self.top.get()
    }

    pub(super) fn push(&self, chunk: ChunkRef) {
        chunk.header().next.set(self.top.get().map(|top| top.0));
        self.top.set(Some(chunk));
    }

    pub(super) fn pop(&self) -> Option<ChunkRef> {
        let top = self.top.get()?;
        self.top.set(top.header().next.take().map(ChunkRef));
        Some(top)
    }

    /// Takes out the first chunk into which `layout` fits.
    pub(super) fn take_fitting(&self, layout: Layout) -> Option<ChunkRef> {
        let mut before: Option<ChunkRef> = None;
        let mut at = self.top.get();
        while let Some(chunk) = at {
            let next = chunk.header().next.get();
            if chunk.holds(layout) {
                match before {
                    Some(before) => before.header().next.set(next),
                    None => self.top.set(next.map(ChunkRef)),
                }
                return Some(chunk);
            }
            before = Some(chunk);
            at = next.map(ChunkRef);
        }
        None
    }

    /// From the top down.
    pub(super) fn iter(&self) -> impl Iterator<Item = ChunkRef> {
        std::iter::successors(self.top.get(), |chunk| chunk.header().next.get().map(ChunkRef))
    }

    /// All of them, leaving none.
    pub(super) fn take(&self) -> Self {
        Self { top: Cell::new(self.top.take()) }
    }
}

/// Where the chunks of an arena and of its scopes come from, and how many bytes they may be.
pub(super) struct Source<A> {
    pub(super) allocator: A,
    pub(super) allocated_bytes: Cell<usize>,
    pub(super) next_bytes: Cell<usize>,
    pub(super) max_bytes: usize,
}

/// The first chunk of an arena that nobody gave a size.
const FIRST_CHUNK_BYTES: usize = 4 << 10;

/// Chunks double up to this size; only an allocation that is larger gets a larger one.
pub(super) const MAX_CHUNK_BYTES: usize = 8 << 20;

impl<A: Allocator> Source<A> {
    pub(super) fn new(allocator: A, max_bytes: usize) -> Self {
        Self {
            allocator,
            allocated_bytes: Cell::new(0),
            next_bytes: Cell::new(FIRST_CHUNK_BYTES),
            max_bytes,
        }
    }

    /// A new chunk into which `layout` fits.
    pub(super) fn chunk(&self, layout: Layout) -> Result<ChunkRef, OutOfMemory> {
        let room = self.max_bytes.saturating_sub(self.allocated_bytes.get());
        // The header is a multiple of 64 bytes from an address aligned to 64: what wants more
        // alignment may need as many bytes to get there.
        let slack = if layout.align() > align_of::<Chunk>() { layout.align() } else { 0 };
        let needed = HEADER_BYTES
            .checked_add(slack)
            .and_then(|bytes| bytes.checked_add(layout.size()))
            .and_then(|bytes| bytes.checked_next_multiple_of(align_of::<Chunk>()))
            .ok_or(OutOfMemory::Overflow)?;
        if needed > room {
            let max_bytes = self.max_bytes;
            return Err(OutOfMemory::Limit { wanted_bytes: needed, max_bytes });
        }
        let whole = round(needed.max(self.next_bytes.get())).ok_or(OutOfMemory::Overflow)?;
        // Near the bound: all that is left, which is at least what is needed.
        let bytes = whole.min(room - room % align_of::<Chunk>());
        let align = if bytes < HUGE_PAGE_BYTES { align_of::<Chunk>() } else { HUGE_PAGE_BYTES };
        let layout = Layout::from_size_align(bytes, align).map_err(|_| OutOfMemory::Overflow)?;
        let block = self.allocator.allocate(layout);
        let block = block.map_err(|_| OutOfMemory::Allocator { layout })?.cast::<u8>();
        if bytes >= HUGE_PAGE_BYTES {
            advise_huge(block, bytes);
        }
        let chunk = block.cast::<Chunk>();
        // SAFETY: the block is ours, aligned to 64 bytes at least, and has room for the header.
        unsafe { chunk.write(Chunk { next: Cell::new(None), layout, used_beneath: Cell::new(0) }) };
        self.allocated_bytes.set(self.allocated_bytes.get() + bytes);
        self.next_bytes.set(bytes.saturating_mul(2).min(MAX_CHUNK_BYTES));
        Ok(ChunkRef(chunk))
    }

    /// Gives a chunk back.
    ///
    /// # Safety
    /// It came from this source, is in no list, and nothing in it is used any more.
    pub(super) unsafe fn free(&self, chunk: ChunkRef) {
        let layout = chunk.header().layout;
        self.allocated_bytes.set(self.allocated_bytes.get() - layout.size());
        // SAFETY: allocated with this layout by this allocator; the caller says that it is unused.
        unsafe { self.allocator.deallocate(chunk.0.cast(), layout) };
    }
}

/// Whole huge pages from two megabytes on.
fn round(bytes: usize) -> Option<usize> {
    if bytes < HUGE_PAGE_BYTES {
        Some(bytes)
    } else {
        bytes.checked_next_multiple_of(HUGE_PAGE_BYTES)
    }
}
