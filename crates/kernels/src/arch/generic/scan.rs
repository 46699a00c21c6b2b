/// The parity of the bits up to each bit.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[inline(always)]
fn mask(bytes: &[u8; 64], wanted: u8) -> u64 {
    bytes.iter().rev().fold(0, |mask, byte| mask << 1 | u64::from(*byte == wanted))
}

#[inline(always)]
pub(crate) fn csv(block: &[u8], delimiter: u8, inside_quotes: bool, ends: &mut Vec<u32>) -> u64 {
    let mut quotes = 0;
    // All ones inside of quotes.
    let mut carry = 0u64.wrapping_sub(u64::from(inside_quotes));
    let mut step = |start: usize, bytes: &[u8; 64], present: u64| {
        let quote = mask(bytes, b'"') & present;
        let inside = prefix_xor(quote) ^ carry;
        carry = (inside as i64 >> 63) as u64;
        quotes += u64::from(quote.count_ones());
        let mut end = (mask(bytes, delimiter) | mask(bytes, b'\n')) & present & !inside;
        while end != 0 {
            ends.push(start as u32 + end.trailing_zeros());
            end &= end - 1;
        }
    };
    let (chunks, rest) = block.as_chunks::<64>();
    for (number, bytes) in chunks.iter().enumerate() {
        step(number * 64, bytes, u64::MAX);
    }
    let mut last = [0; 64];
    last[..rest.len()].copy_from_slice(rest);
    step(chunks.len() * 64, &last, (1 << rest.len()) - 1);
    quotes
}
