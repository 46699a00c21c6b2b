use super::shims;
use crate::bitpack::VALUES;

shims! {
    bitpack:
    fn pack(values: &[u64; VALUES], width: u32, packed: &mut [u8]);
    fn unpack(packed: &[u8], width: u32, base: u64, out: &mut [u64; VALUES]);
    fn unpack_delta(packed: &[u8], width: u32, min_delta: u64, first: u64, out: &mut [u64; VALUES]);
    fn unpack_sum(packed: &[u8], width: u32) -> u128;
    fn unpack_min_max(packed: &[u8], width: u32) -> (u64, u64);
}
