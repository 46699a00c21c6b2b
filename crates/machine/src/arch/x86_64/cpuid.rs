//! Questions to the processor.

use std::arch::asm;

use crate::cpu::Leaf;

/// LLVM keeps RBX for itself (it may be the base pointer of a frame), so no operand can name it: it
/// is saved in a register and put back.
pub(crate) fn cpuid(leaf: u32, subleaf: u32) -> Leaf {
    let (eax, ebx, ecx, edx): (u32, u64, u32, u32);
    // SAFETY: every x86-64 processor has CPUID. It writes EAX, EBX, ECX and EDX; RBX is as before at
    // the end of the block.
    unsafe {
        asm!(
            "mov {kept}, rbx",
            "cpuid",
            "xchg {kept}, rbx",
            kept = out(reg) ebx,
            inout("eax") leaf => eax,
            inout("ecx") subleaf => ecx,
            out("edx") edx,
            options(nostack, preserves_flags),
        );
    }
    Leaf { eax, ebx: ebx as u32, ecx, edx }
}

/// Extended control register 0: which registers the operating system saves. 0 when it does not say.
pub(crate) fn xcr0() -> u64 {
    const OSXSAVE: u32 = 1 << 27;
    if cpuid(1, 0).ecx & OSXSAVE == 0 {
        return 0;
    }
    let (low, high): (u64, u64);
    // SAFETY: OSXSAVE says that XGETBV may be used; register 0 is always there. It writes EAX and EDX.
    unsafe {
        asm!(
            "xgetbv",
            in("ecx") 0, out("rax") low, out("rdx") high,
            options(nomem, nostack, preserves_flags),
        );
    }
    high << 32 | low
}
