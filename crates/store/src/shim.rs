//! temporary
use tidemill_model::*;
pub(crate) trait Ext {
    fn validity(&mut self, b: &Bitmap, out: &mut Vec<u8>);
    fn bools(&mut self, v: &[bool], out: &mut Vec<u8>);
    fn texts(&mut self, t: &Text, out: &mut Vec<u8>);
}
impl Ext for tidemill_codec::Encoder {
    fn validity(&mut self, b: &Bitmap, out: &mut Vec<u8>) {
        for w in b.words() {
            out.extend(w.to_le_bytes())
        }
    }
    fn bools(&mut self, v: &[bool], out: &mut Vec<u8>) {
        out.extend(v.iter().map(|b| *b as u8))
    }
    fn texts(&mut self, t: &Text, out: &mut Vec<u8>) {
        for s in t.iter() {
            out.extend((s.len() as u32).to_le_bytes());
            out.extend(s.as_bytes())
        }
    }
}
pub(crate) fn validity(b: &[u8], rows: usize) -> Result<Bitmap, tidemill_codec::Error> {
    Ok(Bitmap::from_words(
        b.chunks(8)
            .map(|c| {
                let mut a = [0; 8];
                a[..c.len()].copy_from_slice(c);
                u64::from_le_bytes(a)
            })
            .collect(),
        rows,
    ))
}
pub(crate) struct B<'a>(&'a [u8]);
pub(crate) fn bools(b: &[u8], rows: usize) -> Result<B<'_>, tidemill_codec::Error> {
    if b.len() != rows {
        tidemill_codec::ints(&[], 9).map(|_| ())?;
    }
    Ok(B(b))
}
impl B<'_> {
    pub(crate) fn decode(
        &self,
        _r: std::ops::Range<usize>,
        out: &mut Vec<bool>,
    ) -> Result<(), tidemill_codec::Error> {
        out.extend(self.0.iter().map(|b| *b != 0));
        Ok(())
    }
}
pub(crate) struct T<'a>(&'a [u8]);
pub(crate) fn texts(b: &[u8], _rows: usize) -> Result<T<'_>, tidemill_codec::Error> {
    Ok(T(b))
}
impl T<'_> {
    pub(crate) fn decode(
        &self,
        r: std::ops::Range<usize>,
        out: &mut Text,
    ) -> Result<(), tidemill_codec::Error> {
        let mut b = self.0;
        for _ in r {
            let Some((n, t)) = b.split_first_chunk::<4>() else {
                return tidemill_codec::ints(&[], 9).map(|_| ());
            };
            let n = u32::from_le_bytes(*n) as usize;
            let Some((s, t)) = t.split_at_checked(n) else {
                return tidemill_codec::ints(&[], 9).map(|_| ());
            };
            out.push(std::str::from_utf8(s).unwrap_or(""));
            b = t;
        }
        Ok(())
    }
}
