//! Frame pointers.

use std::arch::asm;

/// RBP: the frame record of the function that this is inlined into, if it was built with frame
/// pointers.
#[inline(always)]
pub(crate) fn frame_pointer() -> usize {
    let frame;
    // SAFETY: it copies a register.
    unsafe { asm!("mov {}, rbp", out(reg) frame, options(nomem, nostack, preserves_flags)) };
    frame
}

/// RSP.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let stack;
    // SAFETY: it copies a register.
    unsafe { asm!("mov {}, rsp", out(reg) stack, options(nomem, nostack, preserves_flags)) };
    stack
}

/// The two words of a frame record: the caller's record, and the return address into it.
///
/// By instructions that no sanitizer sees: what is no record after all may be a variable that is not to
/// be touched.
///
/// # Safety
/// 16 bytes at `frame` are readable.
#[inline(always)]
pub(crate) unsafe fn record(frame: usize) -> (usize, usize) {
    let (caller, address);
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "mov {caller}, [{frame}]",
            "mov {address}, [{frame} + 8]",
            frame = in(reg) frame,
            caller = out(reg) caller,
            address = lateout(reg) address,
            options(readonly, nostack, preserves_flags),
        );
    }
    (caller, address)
}
