//! What the processor is and what it can do.
//!
//! To choose a code path, std's `is_x86_feature_detected!` is the better choice: it is kept up with new
//! processors. [`CpuFeatures`] is for telling a person or a file what a measurement ran on, and for
//! what std does not say: names, caches, properties of the counter.

mod cache;
mod feature;
mod info;

pub use cache::{Cache, CacheKind};
pub use feature::{Feature, FeatureSet};
pub use info::CpuFeatures;

use crate::arch;

/// What CPUID answers: four registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaf {
    /// Register EAX.
    pub eax: u32,
    /// Register EBX.
    pub ebx: u32,
    /// Register ECX.
    pub ecx: u32,
    /// Register EDX.
    pub edx: u32,
}

/// Asks the processor: the leaf goes into EAX, the subleaf into ECX. `cpuid`.
///
/// Beyond the highest leaf (EAX of leaf 0, and of 0x8000_0000) the answer means nothing. CPUID also
/// waits for all instructions before it, and traps in a virtual machine: 9,700 cycles. Clobbers
/// the four registers. All zeros on processors other than x86-64.
#[must_use]
pub fn cpuid(leaf: u32, subleaf: u32) -> Leaf {
    arch::cpuid::cpuid(leaf, subleaf)
}
