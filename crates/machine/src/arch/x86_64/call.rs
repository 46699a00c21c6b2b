//! A function of our own in assembly, called from Rust.

use std::arch::naked_asm;

/// The System V calling convention, by hand.
///
/// ```text
/// argument   1    2    3    4    5   6   7        8
/// place      rdi  rsi  rdx  rcx  r8  r9  [rsp+8]  [rsp+16]
/// name       a0   a1   a2   a3   b0  b1  b2       b3
/// ```
///
/// From the seventh on, integer arguments are pushed by the caller, right to left, eight bytes each:
/// when the function starts, `[rsp]` is where it returns to and the seventh argument stands above.
/// The caller takes them off again. The result is in RAX. RAX, RCX, RDX, RSI, RDI and R8 to R11 may be
/// used up; RBX, RBP, RSP and R12 to R15 must be as they were. This one needs no other register and
/// calls nothing, so it needs no frame and the alignment of the stack does not matter to it.
#[unsafe(naked)]
pub(crate) extern "sysv64" fn dot4(
    a0: i64,
    a1: i64,
    a2: i64,
    a3: i64,
    b0: i64,
    b1: i64,
    b2: i64,
    b3: i64,
) -> i64 {
    naked_asm!(
        "imul rdi, r8",
        "imul rsi, r9",
        "imul rdx, qword ptr [rsp + 8]",
        "imul rcx, qword ptr [rsp + 16]",
        "lea rax, [rdi + rsi]",
        "add rcx, rdx",
        "add rax, rcx",
        "ret",
    )
}
