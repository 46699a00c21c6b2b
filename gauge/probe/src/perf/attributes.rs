//! What the kernel is asked for: `struct perf_event_attr`, its first 112 bytes.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use super::Options;

/// Whether the registers of this processor are known here, without which a copy of the stack says nothing.
pub(super) const HAS_REGISTERS: bool = cfg!(target_arch = "x86_64");

const TYPE_SOFTWARE: u32 = 1;
const CPU_CLOCK: u64 = 0;

/// What a sample has: see `record`.
const SAMPLE_IP: u64 = 1;
const SAMPLE_TID: u64 = 1 << 1;
const SAMPLE_TIME: u64 = 1 << 2;
const SAMPLE_CALLCHAIN: u64 = 1 << 5;
const SAMPLE_REGISTERS_USER: u64 = 1 << 12;
const SAMPLE_STACK_USER: u64 = 1 << 13;

/// RBP, RSP and RIP as the kernel numbers them (`arch/x86/include/uapi/asm/perf_regs.h`).
const REGISTERS: u64 = 1 << 6 | 1 << 7 | 1 << 8;

const DISABLED: u64 = 1;
const INHERIT: u64 = 1 << 1;
const EXCLUDE_KERNEL: u64 = 1 << 5;
const EXCLUDE_HYPERVISOR: u64 = 1 << 6;
const MMAP: u64 = 1 << 8;
const COMM: u64 = 1 << 9;
const FREQUENCY: u64 = 1 << 10;
const ENABLE_ON_EXEC: u64 = 1 << 12;
const TASK: u64 = 1 << 13;
const WATERMARK: u64 = 1 << 14;
const SAMPLE_ID_ALL: u64 = 1 << 18;
const EXCLUDE_CALLCHAIN_KERNEL: u64 = 1 << 21;
const MMAP2: u64 = 1 << 23;
const COMM_EXEC: u64 = 1 << 24;
const USE_CLOCK: u64 = 1 << 25;

const FLAG_CLOSE_ON_EXEC: libc::c_ulong = 1 << 3;

/// Bytes in a ring at which its reader is woken.
const WAKE_BYTES: u32 = 64 << 10;

#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    frequency: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_watermark: u32,
    breakpoint: u32,
    config1: u64,
    config2: u64,
    branches: u64,
    registers_user: u64,
    stack_user: u32,
    clock: i32,
    registers_interrupt: u64,
    aux_watermark: u32,
    max_stack: u16,
    reserved: u16,
}

const _: () = assert!(size_of::<Attributes>() == 112, "PERF_ATTR_SIZE_VER5");

impl Attributes {
    pub(super) fn new(options: &Options, kernel: bool) -> Self {
        let mut sample_type = SAMPLE_IP | SAMPLE_TID | SAMPLE_TIME | SAMPLE_CALLCHAIN;
        let mut flags = DISABLED | INHERIT | ENABLE_ON_EXEC | FREQUENCY | EXCLUDE_HYPERVISOR;
        flags |= MMAP | MMAP2 | COMM | COMM_EXEC | TASK | SAMPLE_ID_ALL | WATERMARK | USE_CLOCK;
        if !kernel {
            flags |= EXCLUDE_KERNEL | EXCLUDE_CALLCHAIN_KERNEL;
        }
        let copies_stack = HAS_REGISTERS && options.stack_bytes > 0;
        if copies_stack {
            sample_type |= SAMPLE_REGISTERS_USER | SAMPLE_STACK_USER;
        }
        Self {
            kind: TYPE_SOFTWARE,
            size: size_of::<Self>() as u32,
            config: CPU_CLOCK,
            frequency: u64::from(options.frequency),
            sample_type,
            flags,
            wakeup_watermark: WAKE_BYTES,
            registers_user: if copies_stack { REGISTERS } else { 0 },
            stack_user: if copies_stack { options.stack_bytes } else { 0 },
            clock: libc::CLOCK_MONOTONIC,
            ..Self::default()
        }
    }

    /// Opens it for this thread's children on a processor.
    pub(super) fn open(&self, processor: i32) -> io::Result<OwnedFd> {
        let (this_thread, no_group): (libc::pid_t, libc::c_int) = (0, -1);
        // SAFETY: the kernel reads `size` bytes from the address, which are this structure's; all its fields are
        // plain integers.
        let descriptor = unsafe {
            libc::syscall(
                libc::SYS_perf_event_open,
                std::ptr::from_ref(self),
                this_thread,
                processor,
                no_group,
                FLAG_CLOSE_ON_EXEC,
            )
        };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given it to us: nobody else has it.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor as libc::c_int) })
    }
}
