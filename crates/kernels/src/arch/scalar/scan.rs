pub(crate) fn csv(block: &[u8], delimiter: u8, inside_quotes: bool, ends: &mut Vec<u32>) -> u64 {
    let mut inside = inside_quotes;
    let mut quotes = 0;
    for (offset, byte) in block.iter().enumerate() {
        if *byte == b'"' {
            inside = !inside;
            quotes += 1;
        } else if !inside && (*byte == delimiter || *byte == b'\n') {
            ends.push(offset as u32);
        }
    }
    quotes
}
