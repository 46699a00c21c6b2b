/// The code of one tag for each series of a table, in as many bytes as the largest code so far took.
///
/// Most tags have few values: a byte a series instead of four.
#[derive(Clone, Debug)]
pub struct TagCodes(Codes);

#[derive(Clone, Debug)]
enum Codes {
    Bytes(Vec<u8>),
    Halves(Vec<u16>),
    Words(Vec<u32>),
}

impl TagCodes {
    /// Code 0 for so many series.
    pub(crate) fn zeros(series: u32) -> Self {
        Self(Codes::Bytes(vec![0; series as usize]))
    }

    /// The number of series.
    #[must_use]
    pub fn len(&self) -> u32 {
        let len = match &self.0 {
            Codes::Bytes(codes) => codes.len(),
            Codes::Halves(codes) => codes.len(),
            Codes::Words(codes) => codes.len(),
        };
        len as u32
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The code for a series.
    ///
    /// # Panics
    /// When there is no such series.
    #[inline]
    #[must_use]
    pub fn of(&self, series: u32) -> u32 {
        let series = series as usize;
        match &self.0 {
            Codes::Bytes(codes) => u32::from(codes[series]),
            Codes::Halves(codes) => u32::from(codes[series]),
            Codes::Words(codes) => codes[series],
        }
    }

    /// Adds the code of the next series.
    pub(crate) fn push(&mut self, code: u32) {
        self.make_room_for(code);
        match &mut self.0 {
            Codes::Bytes(codes) => codes.push(code as u8),
            Codes::Halves(codes) => codes.push(code as u16),
            Codes::Words(codes) => codes.push(code),
        }
    }

    /// Takes more bytes for every code, if this one needs them.
    fn make_room_for(&mut self, code: u32) {
        let wider = match &self.0 {
            Codes::Bytes(codes) if code > u32::from(u16::MAX) => {
                Codes::Words(codes.iter().map(|code| u32::from(*code)).collect())
            }
            Codes::Bytes(codes) if code > u32::from(u8::MAX) => {
                Codes::Halves(codes.iter().map(|code| u16::from(*code)).collect())
            }
            Codes::Halves(codes) if code > u32::from(u16::MAX) => {
                Codes::Words(codes.iter().map(|code| u32::from(*code)).collect())
            }
            _ => return,
        };
        self.0 = wider;
    }

    /// Forgets all series but the first `series`.
    pub(crate) fn truncate(&mut self, series: u32) {
        let series = series as usize;
        match &mut self.0 {
            Codes::Bytes(codes) => codes.truncate(series),
            Codes::Halves(codes) => codes.truncate(series),
            Codes::Words(codes) => codes.truncate(series),
        }
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Codes::Bytes(codes) => codes.capacity(),
            Codes::Halves(codes) => 2 * codes.capacity(),
            Codes::Words(codes) => 4 * codes.capacity(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_what_was_pushed_at_every_width() {
        let edges = [0, 1, 255, 256, 65_535, 65_536, u32::MAX];
        for most in 0..edges.len() {
            let mut codes = TagCodes::zeros(2);
            let mut pushed = vec![0, 0];
            // From wide to narrow, and the other way round.
            let order = edges[..=most].iter().chain(edges[..=most].iter().rev());
            for code in order {
                codes.push(*code);
                pushed.push(*code);
                assert_eq!(codes.len() as usize, pushed.len());
                let all: Vec<u32> = (0..codes.len()).map(|series| codes.of(series)).collect();
                assert_eq!(all, pushed);
            }
            let width = if most < 3 {
                1
            } else if most < 5 {
                2
            } else {
                4
            };
            assert!((codes.memory_bytes() / width) < 64, "{}", codes.memory_bytes());
            codes.truncate(3);
            assert_eq!((codes.len(), codes.of(2)), (3, 0));
            assert!(!codes.is_empty());
        }
        // Past a width at once.
        let mut codes = TagCodes::zeros(1);
        codes.push(1 << 20);
        assert_eq!((codes.of(0), codes.of(1)), (0, 1 << 20));
    }
}
