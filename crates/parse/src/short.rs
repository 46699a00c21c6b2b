//! Short numbers, read from windows of bytes of a fixed size: nothing is looked up twice, and no end
//! is looked for. Whoever gets `None` asks [`crate::number`].

use crate::number::{POWERS, few_digits, scale_down};
use crate::prefix::HEAD_BYTES;

/// What is looked at of a text at once: a name, maybe, and the beginning of a value.
pub(crate) type Window = [u8; 96];

/// A number in a window.
pub(crate) struct Short {
    /// An integer as it is, a float's bits.
    pub(crate) word: u64,
    /// The place behind it, and the byte there.
    pub(crate) end: usize,
    pub(crate) behind: u8,
}

/// The digits, one to seven, that begin at `start`; none are looked for behind [`HEAD_BYTES`] and a minus.
#[inline(always)]
pub(crate) fn int(window: &Window, start: usize) -> Option<Short> {
    if start > HEAD_BYTES + 1 {
        return None;
    }
    let text = word_at(window, start);
    let (word, len) = few_digits(text)?;
    Some(Short { word, end: start + len, behind: (text >> (8 * len)) as u8 })
}

/// The number that begins at `start`: maybe a minus, one to seven digits, and maybe a point and as many
/// behind it. None is looked for behind [`HEAD_BYTES`].
#[inline(always)]
pub(crate) fn float(window: &Window, start: usize) -> Option<Short> {
    if start > HEAD_BYTES {
        return None;
    }
    let is_negative = word_at(window, start) as u8 == b'-';
    let Short { word, mut end, mut behind } = int(window, start + usize::from(is_negative))?;
    let (mut mantissa, mut decimals) = (word, 0);
    if behind == b'.' {
        let text = word_at(window, end + 1);
        let fraction;
        (fraction, decimals) = few_digits(text)?;
        mantissa = mantissa * POWERS[decimals] + fraction;
        end += 1 + decimals;
        behind = (text >> (8 * decimals)) as u8;
    }
    let magnitude = scale_down(mantissa, decimals);
    let value = if is_negative { -magnitude } else { magnitude };
    Some(Short { word: value.to_bits(), end, behind })
}

/// Eight bytes of a window, the first the lowest.
#[inline(always)]
fn word_at(window: &Window, at: usize) -> u64 {
    // It changes nothing: a name, a minus, seven digits and a point are shorter. This way the compiler knows.
    let at = at % (2 * HEAD_BYTES);
    window[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::{parse_f64, parse_u64};

    fn window(text: &str, start: usize) -> Window {
        let mut window = [b'7'; 96];
        window[start..start + text.len()].copy_from_slice(text.as_bytes());
        window
    }

    #[test]
    fn nothing_is_read_beyond_the_names_that_are_looked_at() {
        for start in HEAD_BYTES + 2..96 {
            let window = [b'7'; 96];
            assert!(int(&window, start).is_none() && float(&window, start).is_none(), "{start}");
        }
    }

    #[test]
    fn what_is_read_is_what_the_careful_functions_read() {
        let cases = ["0", "7", "1234567", "0.5", "-0", "-0.0", "1234567.7654321", "-3.25", "00.10"];
        for start in [0, 5, HEAD_BYTES] {
            for text in cases {
                let window = window(&format!("{text},"), start);
                let float = float(&window, start).map(|n| (n.word, n.end, n.behind));
                let want = parse_f64(text.as_bytes()).map(f64::to_bits).unwrap();
                assert_eq!(float, Some((want, start + text.len(), b',')), "{text}");
                let digits =
                    text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                let int = int(&window, start).map(|n| (n.word, n.end, n.behind));
                let behind = if digits == text.len() { b',' } else { text.as_bytes()[digits] };
                let want = parse_u64(&text.as_bytes()[..digits]);
                assert_eq!(int, want.map(|want| (want, start + digits, behind)), "{text}");
            }
            for text in ["", ",", "12345678,", "1.12345678,", "1.,", "-,", ".5,", "+1,"] {
                assert!(float(&window(text, start), start).is_none(), "{text}");
            }
        }
    }
}
