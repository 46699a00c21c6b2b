use std::collections::TryReserveError;

/// Below this, a vector that is full gets half of its size more; above, a quarter.
const SMALL_BYTES: usize = 1 << 20;

/// Room for `additional` more elements.
///
/// `Vec` doubles: of what it holds, half may be unused. Here at most a third is, and a fifth of
/// what is large; large blocks are moved by the system's page tables, not copied.
#[inline]
pub(crate) fn try_reserve<T>(vec: &mut Vec<T>, additional: usize) -> Result<(), TryReserveError> {
    if vec.capacity() - vec.len() >= additional { Ok(()) } else { grow(vec, additional) }
}

#[cold]
fn grow<T>(vec: &mut Vec<T>, additional: usize) -> Result<(), TryReserveError> {
    let capacity = vec.capacity();
    let is_small = capacity.saturating_mul(size_of::<T>()) < SMALL_BYTES;
    let more = if is_small { (capacity / 2).max(8) } else { capacity / 4 };
    // From the length on: what is spare already counts.
    let more = (capacity - vec.len()).saturating_add(more);
    vec.try_reserve_exact(additional.max(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_by_a_half_then_by_a_quarter() {
        let mut vec: Vec<u8> = Vec::new();
        try_reserve(&mut vec, 1).unwrap();
        assert_eq!(vec.capacity(), 8);
        vec.resize(8, 0);
        try_reserve(&mut vec, 1).unwrap();
        assert_eq!(vec.capacity(), 16);
        vec.resize(16, 0);
        try_reserve(&mut vec, 0).unwrap();
        assert_eq!(vec.capacity(), 16);
        try_reserve(&mut vec, 1).unwrap();
        assert_eq!(vec.capacity(), 24);
        try_reserve(&mut vec, 4 << 20).unwrap();
        vec.resize(vec.capacity(), 0);
        let before = vec.capacity();
        try_reserve(&mut vec, 1).unwrap();
        assert_eq!(vec.capacity(), before + before / 4);
    }

    #[test]
    fn too_much_is_an_error() {
        assert!(try_reserve(&mut vec![0u64], usize::MAX).is_err());
    }
}
