use thiserror::Error;

/// The longest tag name or tag value, in bytes.
pub const MAX_TAG_BYTES: usize = u16::MAX as usize;

/// The canonical bytes of a tag set: for each tag in the order of its name, `u16` length and
/// name, `u16` length and value (little-endian). Two tag sets are equal exactly when their bytes
/// are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesKey<'a>(pub &'a [u8]);

/// Why a tag set has no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// A tag stands twice.
    #[error("tag `{0}` stands twice")]
    Twice(String),
    /// A name or value longer than [`MAX_TAG_BYTES`].
    #[error("a tag name or value of {0} bytes (at most {MAX_TAG_BYTES} are allowed)")]
    TooLong(usize),
}

impl<'a> SeriesKey<'a> {
    /// Sorts `tags` by name and writes their key over `out`.
    ///
    /// # Errors
    /// [`KeyError`] when a tag stands twice or is too long.
    pub fn encode(tags: &mut [(&str, &str)], out: &mut Vec<u8>) -> Result<(), KeyError> {
        out.clear();
        tags.sort_unstable();
        for pair in tags.windows(2) {
            if pair[0].0 == pair[1].0 {
                return Err(KeyError::Twice(pair[0].0.to_owned()));
            }
        }
        for part in tags.iter().flat_map(|&(name, value)| [name, value]) {
            let length = u16::try_from(part.len()).map_err(|_| KeyError::TooLong(part.len()))?;
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(part.as_bytes());
        }
        Ok(())
    }

    /// The tags, in the order of their names; `None` in place of a pair where the bytes are no
    /// key (they came from a damaged file).
    pub fn tags(self) -> impl Iterator<Item = Option<(&'a str, &'a str)>> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let pair = take_part(&mut rest).and_then(|name| Some((name, take_part(&mut rest)?)));
            if pair.is_none() {
                rest = &[];
            }
            Some(pair)
        })
    }
}

fn take_part<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (length, tail) = rest.split_first_chunk::<2>()?;
    let (part, tail) = tail.split_at_checked(u16::from_le_bytes(*length) as usize)?;
    *rest = tail;
    std::str::from_utf8(part).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_depend_on_the_order_of_tags() {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        SeriesKey::encode(&mut [("host", "x"), ("az", "")], &mut a).unwrap();
        SeriesKey::encode(&mut [("az", ""), ("host", "x")], &mut b).unwrap();
        assert_eq!(a, b);
        let tags: Vec<_> = SeriesKey(&a).tags().collect();
        assert_eq!(tags, [Some(("az", "")), Some(("host", "x"))]);
    }

    #[test]
    fn bad_tag_sets_are_refused() {
        let mut out = Vec::new();
        let twice = SeriesKey::encode(&mut [("a", "1"), ("a", "2")], &mut out);
        assert_eq!(twice, Err(KeyError::Twice("a".into())));
        let long = "x".repeat(70_000);
        assert_eq!(
            SeriesKey::encode(&mut [("a", &long)], &mut out),
            Err(KeyError::TooLong(70_000))
        );
    }

    #[test]
    fn damaged_bytes_end_with_none() {
        let mut key = Vec::new();
        SeriesKey::encode(&mut [("host", "x")], &mut key).unwrap();
        for cut in 1..key.len() {
            assert_eq!(SeriesKey(&key[..cut]).tags().collect::<Vec<_>>(), [None], "cut at {cut}");
        }
    }
}
