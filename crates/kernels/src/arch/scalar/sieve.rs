use crate::sieve::{AT_ONCE, STRIDE};

pub(crate) fn overlay(bytes: &mut [u8; STRIDE], patterns: &[&[u8; STRIDE]; AT_ONCE]) {
    for pattern in patterns {
        for (byte, kept) in bytes.iter_mut().zip(pattern.iter()) {
            *byte &= kept;
        }
    }
}

pub(crate) fn count_ones(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(byte.count_ones())).sum()
}
