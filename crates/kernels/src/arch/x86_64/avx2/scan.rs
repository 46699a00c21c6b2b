use super::shims;

shims! {
    scan:
    fn csv(block: &[u8], delimiter: u8, inside_quotes: bool, ends: &mut Vec<u32>) -> u64;
}
