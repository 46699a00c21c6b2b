use super::Number;
use std::cell::Cell;

/// A cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// Memory for packed panels that a thread keeps: fresh pages cost more than what is written to
/// them. It begins at a cache line.
#[derive(Default)]
pub(super) struct Scratch(Vec<Line>);

thread_local! {
    static LEFT: Cell<Scratch> = const { Cell::new(Scratch(Vec::new())) };
    static RIGHT: Cell<Scratch> = const { Cell::new(Scratch(Vec::new())) };
}

impl Scratch {
    /// Calls `work` with this thread's memory for the left matrix. A call within it (by a thread
    /// pool that runs other work while it waits) finds none and makes its own.
    pub(super) fn with_left(work: impl FnOnce(&mut Self)) {
        LEFT.with(|kept| {
            let mut scratch = kept.take();
            work(&mut scratch);
            kept.set(scratch);
        });
    }

    /// The same for the right matrix.
    pub(super) fn with_right(work: impl FnOnce(&mut Self)) {
        RIGHT.with(|kept| {
            let mut scratch = kept.take();
            work(&mut scratch);
            kept.set(scratch);
        });
    }

    /// Room for `elements`, with whatever was left there.
    pub(super) fn room<T: Number>(&mut self, elements: usize) -> &mut [T] {
        let lines = (elements * size_of::<T>()).div_ceil(size_of::<Line>());
        if self.0.len() < lines {
            self.0.resize(lines, Line([0; 8]));
        }
        // SAFETY: `lines` lines are there, aligned beyond what a float asks for, all bytes written
        // once, and any bits are a float (`Number` is sealed: `f32` and `f64`).
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), elements) }
    }
}
