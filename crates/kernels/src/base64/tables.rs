//! What the kernels know of an alphabet.

/// What [`Tables::values`] holds where a byte is no symbol.
pub(crate) const NO_SYMBOL: u8 = 0x80;

/// An alphabet both ways, and for AVX2 by halves of a byte.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Tables {
    /// The symbol of each value.
    pub(crate) symbols: [u8; 64],
    /// The value of each symbol, [`NO_SYMBOL`] of any other byte. From 128 on there is no symbol.
    pub(crate) values: [u8; 256],
    /// What to add to a value, by its range: 0 for `a` to `z`, 1 to 10 for the digits, 11 and 12 for
    /// the last two symbols, 13 for `A` to `Z`.
    pub(crate) offsets: [u8; 16],
    /// For the high half of a byte, the bit that stands for it in `lows`; 0 where no symbol has it.
    pub(crate) high_bits: [u8; 16],
    /// For the low half of a byte, the bits of the high halves with which it makes a symbol.
    pub(crate) lows: [u8; 16],
    /// What to add to a symbol to get its value, by its high half; for `odd_one` by 1.
    pub(crate) rolls: [u8; 16],
    /// The last symbol, whose high half it shares with symbols at another distance from their values.
    pub(crate) odd_one: u8,
}

pub(crate) static STANDARD: Tables = Tables::new(*b"+/");
pub(crate) static URL_SAFE: Tables = Tables::new(*b"-_");

impl Tables {
    const fn new(last_two: [u8; 2]) -> Self {
        let mut tables = Self {
            symbols: [0; 64],
            values: [NO_SYMBOL; 256],
            offsets: [0; 16],
            high_bits: [0; 16],
            lows: [0; 16],
            rolls: [0; 16],
            odd_one: last_two[1],
        };
        let mut value = 0;
        while value < 64 {
            let (symbol, range) = match value as u8 {
                value @ 0..26 => (b'A' + value, 13),
                value @ 26..52 => (b'a' + (value - 26), 0),
                value @ 52..62 => (b'0' + (value - 52), value - 51),
                value => (last_two[value as usize - 62], value - 51),
            };
            let offset = symbol.wrapping_sub(value as u8);
            let (high, low) = (symbol >> 4, symbol & 15);
            let roll = if value == 63 { 1 } else { high };
            tables.symbols[value] = symbol;
            tables.values[symbol as usize] = value as u8;
            tables.offsets[range as usize] = offset;
            tables.high_bits[high as usize] = 1 << high;
            tables.lows[low as usize] |= 1 << high;
            tables.rolls[roll as usize] = offset.wrapping_neg();
            value += 1;
        }
        tables
    }
}
