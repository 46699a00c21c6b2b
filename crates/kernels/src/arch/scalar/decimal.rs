use crate::decimal::Cells;

pub(crate) fn cells(text: &[u8; 64], delimiter: u8, max: usize, out: &mut [[u64; 8]]) -> Cells {
    let (mut cells, mut start) = (Cells::default(), 0);
    while cells.count < max {
        let is_end = |byte: &u8| *byte == delimiter || *byte == b'\n';
        let Some(len) = text[start..].iter().position(is_end) else { break };
        let cell = &text[start..start + len];
        if !(1..=8).contains(&len) || !cell.iter().all(u8::is_ascii_digit) {
            break;
        }
        let number = cell.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
        out[cells.count / 8][cells.count % 8] = number;
        cells = Cells { count: cells.count + 1, end: start + len };
        if text[cells.end] == b'\n' {
            break;
        }
        start = cells.end + 1;
    }
    cells
}
