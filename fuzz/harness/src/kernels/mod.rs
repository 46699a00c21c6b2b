//! Targets of `tidemill-kernels`: at every level this processor has, each family gives what its
//! naive definition gives, for any length and alignment.
//!
//! Slices end where their allocation does, so that the address sanitizer sees a byte read too many.

pub(crate) mod base64;
pub(crate) mod packed;
pub(crate) mod reduce;
pub(crate) mod scan;
pub(crate) mod select;

use tidemill_kernels::Isa;

/// Runs `check` at each level, the best last, which stays.
fn each_level(mut check: impl FnMut(Isa)) {
    for isa in Isa::available() {
        assert!(isa.force().is_ok(), "{} is gone", isa.name());
        check(isa);
    }
}

/// `values` behind `skip` others, at the end of an allocation.
fn placed<T: Copy + Default>(values: &[T], skip: usize) -> Vec<T> {
    let mut memory = Vec::with_capacity(skip + values.len());
    memory.resize(skip, T::default());
    memory.extend_from_slice(values);
    memory
}

/// The bitmap of these bits, with ones behind the last where it may have anything there.
fn bitmap(bits: &[bool], behind: bool) -> Vec<u64> {
    let mut words = vec![if behind { u64::MAX } else { 0 }; bits.len().div_ceil(64)];
    for (index, bit) in bits.iter().enumerate() {
        let place = 1 << (index % 64);
        let word = &mut words[index / 64];
        *word = if *bit { *word | place } else { *word & !place };
    }
    words
}
