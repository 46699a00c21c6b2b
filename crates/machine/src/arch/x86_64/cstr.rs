//! The length of a C string.
//!
//! # Why in assembly
//! To look at 64 bytes at a time means to read past the end of the string, and perhaps of its
//! allocation. A load of aligned 64 bytes stays in one page, and one of its bytes belongs to the
//! string, so the processor cannot fault. In *Rust*, though, a load outside an allocation is undefined
//! behaviour whether it faults or not (the optimiser may conclude that it never happens), and so is
//! one of a byte that another thread writes at that time. Intrinsics are Rust: they do not help.
//! Assembly is: a block has to behave, as far as Rust can see, like some piece of Rust. This one
//! behaves like "read the string up to its zero"; the bytes beyond never reach a register that Rust
//! sees. So it is sound, and AddressSanitizer, which watches Rust's loads, has nothing to say.

use std::arch::asm;

/// Bytes looked at at once: aligned to as much, they are in one page.
const BLOCK: usize = 64;

/// # Safety
/// `start` begins a string that ends with a zero.
#[inline]
pub(crate) unsafe fn by_byte(start: *const u8) -> usize {
    let length: usize;
    // SAFETY: reads from `start` up to the zero, which the caller promises.
    unsafe {
        asm!(
            "xor {length:e}, {length:e}",
            "2:",
            "cmp byte ptr [{start} + {length}], 0",
            "je 3f",
            "inc {length}",
            "jmp 2b",
            "3:",
            start = in(reg) start, length = out(reg) length,
            options(readonly, nostack),
        );
    }
    length
}

/// # Safety
/// `start` begins a string that ends with a zero.
#[inline]
pub(crate) unsafe fn by_block(start: *const u8) -> usize {
    let before = start.addr() % BLOCK;
    let first = start.wrapping_sub(before);
    // SAFETY: the block is aligned and the string begins in it.
    let zeros = unsafe { zeros(first) } >> before;
    if zeros != 0 {
        return zeros.trailing_zeros() as usize;
    }
    // SAFETY: there was no zero in the first block, so the string goes on in the next.
    let last = unsafe {
        if std::arch::is_x86_feature_detected!("avx2") {
            skip_avx2(first.wrapping_add(BLOCK))
        } else {
            skip_sse2(first.wrapping_add(BLOCK))
        }
    };
    // SAFETY: the block is aligned and the string ends in it.
    let zeros = unsafe { self::zeros(last) };
    last.addr() - start.addr() + zeros.trailing_zeros() as usize
}

/// Which bytes of a block are zero.
///
/// # Safety
/// `block` is aligned to `BLOCK`, and a byte of it can be read.
#[inline]
unsafe fn zeros(block: *const u8) -> u64 {
    let zeros: u64;
    // SAFETY: reads one aligned block, thus one page, which is there. The result tells of bytes that
    // are not the string's too: the caller uses only those at and before the string's zero.
    unsafe {
        asm!(
            "pxor {zero}, {zero}",
            "movdqa {x}, xmmword ptr [{block} + 48]",
            "pcmpeqb {x}, {zero}",
            "pmovmskb {zeros:e}, {x}",
            "shl {zeros}, 16",
            "movdqa {x}, xmmword ptr [{block} + 32]",
            "pcmpeqb {x}, {zero}",
            "pmovmskb {part:e}, {x}",
            "or {zeros}, {part}",
            "shl {zeros}, 16",
            "movdqa {x}, xmmword ptr [{block} + 16]",
            "pcmpeqb {x}, {zero}",
            "pmovmskb {part:e}, {x}",
            "or {zeros}, {part}",
            "shl {zeros}, 16",
            "pcmpeqb {zero}, xmmword ptr [{block}]",
            "pmovmskb {part:e}, {zero}",
            "or {zeros}, {part}",
            block = in(reg) block, zeros = out(reg) zeros, part = out(reg) _,
            zero = out(xmm_reg) _, x = out(xmm_reg) _,
            options(readonly, nostack),
        );
    }
    zeros
}

/// The first block from `block` on that has a zero.
///
/// # Safety
/// `block` is aligned to `BLOCK`, and a string that ends with a zero goes on in it.
#[inline]
unsafe fn skip_sse2(mut block: *const u8) -> *const u8 {
    // SAFETY: reads aligned blocks up to the one in which the string ends.
    unsafe {
        asm!(
            "pxor {zero}, {zero}",
            "2:",
            "movdqa {x}, xmmword ptr [{block}]",
            "movdqa {y}, xmmword ptr [{block} + 32]",
            "pminub {x}, xmmword ptr [{block} + 16]",
            "pminub {y}, xmmword ptr [{block} + 48]",
            "pminub {x}, {y}",
            "pcmpeqb {x}, {zero}",
            "pmovmskb {part:e}, {x}",
            "add {block}, 64",
            "test {part:e}, {part:e}",
            "jz 2b",
            "sub {block}, 64",
            block = inout(reg) block, part = out(reg) _,
            zero = out(xmm_reg) _, x = out(xmm_reg) _, y = out(xmm_reg) _,
            options(readonly, nostack),
        );
    }
    block
}

/// As [`skip_sse2`].
///
/// # Safety
/// As [`skip_sse2`]; the processor has AVX2.
unsafe fn skip_avx2(block: *const u8) -> *const u8 {
    let found: *const u8;
    // SAFETY: reads aligned blocks up to the one in which the string ends; the caller promises AVX2.
    // VZEROUPPER clears the upper half of every vector register: `clobber_abi` says so.
    unsafe {
        asm!(
            "vpxor xmm0, xmm0, xmm0",
            "2:",
            "vmovdqa ymm1, ymmword ptr [rdi]",
            "vpminub ymm1, ymm1, ymmword ptr [rdi + 32]",
            "vpcmpeqb ymm1, ymm1, ymm0",
            "vpmovmskb eax, ymm1",
            "add rdi, 64",
            "test eax, eax",
            "jz 2b",
            "sub rdi, 64",
            "vzeroupper",
            inout("rdi") block => found,
            clobber_abi("sysv64"),
            options(readonly, nostack),
        );
    }
    found
}
