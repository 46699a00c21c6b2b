use super::shims;

shims! {
    delta:
    fn deltas(values: &[u64], first: u64, out: &mut [u64]);
    fn prefix_sum(values: &mut [u64], first: u64);
    fn zigzag(values: &mut [u64]);
    fn unzigzag(values: &mut [u64]);
}
