#[inline(always)]
pub(crate) fn deltas(values: &[u64], first: u64, out: &mut [u64]) {
    let mut before = first;
    for (out, value) in out.iter_mut().zip(values) {
        *out = value.wrapping_sub(before);
        before = *value;
    }
}

#[inline(always)]
pub(crate) fn prefix_sum(values: &mut [u64], first: u64) {
    let mut sum = first;
    for value in values {
        sum = sum.wrapping_add(*value);
        *value = sum;
    }
}

#[inline(always)]
pub(crate) fn zigzag(values: &mut [u64]) {
    for value in values {
        *value = (*value << 1) ^ (*value as i64 >> 63) as u64;
    }
}

#[inline(always)]
pub(crate) fn unzigzag(values: &mut [u64]) {
    for value in values {
        *value = (*value >> 1) ^ (*value & 1).wrapping_neg();
    }
}
