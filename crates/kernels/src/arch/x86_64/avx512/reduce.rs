use super::shims;
use crate::reduce::Moments;

shims! {
    reduce:
    fn moments_f64(values: &[f64]) -> Moments<f64>;
    fn moments_i64(values: &[i64]) -> Moments<i64>;
    fn moments_u64(values: &[u64]) -> Moments<u64>;
    fn moments_f64_valid(values: &[f64], validity: &[u64], bit_offset: usize) -> Moments<f64>;
    fn moments_i64_valid(values: &[i64], validity: &[u64], bit_offset: usize) -> Moments<i64>;
    fn moments_u64_valid(values: &[u64], validity: &[u64], bit_offset: usize) -> Moments<u64>;
    fn sum_f64(values: &[f64]) -> f64;
    fn sum_i64(values: &[i64]) -> i128;
    fn sum_u64(values: &[u64]) -> i128;
    fn min_max_f64(values: &[f64]) -> Option<(f64, f64)>;
    fn min_max_i64(values: &[i64]) -> Option<(i64, i64)>;
    fn min_max_u64(values: &[u64]) -> Option<(u64, u64)>;
}
