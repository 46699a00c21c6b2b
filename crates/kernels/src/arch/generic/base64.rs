use crate::arch::Simd;
use crate::arch::portable::Portable;
use crate::base64::Tables;
use std::mem::MaybeUninit;

/// How many bytes of text are treated at once: four registers of 64, which become three.
const TEXT: usize = 256;
/// How many bytes they stand for.
const BYTES: usize = 192;
/// After how many blocks of text the decoder looks whether one of them had an error.
const BLOCKS_A_CHECK: usize = 8;

/// What base64 needs beyond [`Simd`].
pub(crate) trait Base64: Simd {
    /// The constants of the encoder, in registers.
    type Encoder: Copy;
    /// The constants of the decoder, in registers.
    type Decoder: Copy;
    /// What was found so far that is no symbol.
    type Errors: Copy;

    fn encoder(self, tables: &Tables) -> Self::Encoder;
    /// Encodes a block, past the caches when `stream` and `to` begins at a multiple of 64 bytes.
    fn encode_block(
        self,
        encoder: Self::Encoder,
        from: &[u8; BYTES],
        to: &mut [MaybeUninit<u8>; TEXT],
        stream: bool,
    );
    /// Encodes up to 48 bytes. What is left of `to`, which has up to 64, is filled with `=`.
    fn encode_part(self, encoder: Self::Encoder, from: &[u8], to: &mut [MaybeUninit<u8>]);

    fn decoder(self, tables: &Tables) -> Self::Decoder;
    fn no_errors(self) -> Self::Errors;
    fn any(self, errors: Self::Errors) -> bool;
    /// Decodes a block, as [`Self::encode_block`] does, and adds its errors to `errors`.
    fn decode_block(
        self,
        decoder: Self::Decoder,
        from: &[u8; TEXT],
        to: &mut [MaybeUninit<u8>; BYTES],
        errors: Self::Errors,
        stream: bool,
    ) -> Self::Errors;
    /// Decodes up to 64 symbols to the front of `to`, which has room for the whole bytes they have,
    /// and may overwrite the rest of it.
    fn decode_part(
        self,
        decoder: Self::Decoder,
        from: &[u8],
        to: &mut [MaybeUninit<u8>],
        errors: Self::Errors,
    ) -> Self::Errors;

    /// Copies the bytes that are no ASCII white space to the front of `to`, says how many, and may
    /// overwrite the rest.
    fn compact(self, from: &[u8; 64], to: &mut [MaybeUninit<u8>; 64]) -> usize;

    /// The number of bytes written from which on storing them past the caches is faster.
    fn stream_from(self) -> usize;
    /// Orders what was stored past the caches before all later stores.
    fn end_stream(self);
}

/// For any length, without what pays only for long ones.
#[inline(always)]
pub(crate) fn encode<S: Base64>(
    simd: S,
    bytes: &[u8],
    tables: &Tables,
    out: &mut [MaybeUninit<u8>],
) {
    encode_with(simd, simd.encoder(tables), bytes, out);
}

/// For [`LONG`](crate::base64::LONG) symbols or more.
#[inline(always)]
pub(crate) fn encode_long<S: Base64>(
    simd: S,
    mut bytes: &[u8],
    tables: &Tables,
    mut out: &mut [MaybeUninit<u8>],
) {
    let encoder = simd.encoder(tables);
    // The first symbols are written twice so that the stores after them cross no cache line.
    let ahead = out.as_ptr().align_offset(64);
    if ahead.is_multiple_of(4) {
        simd.encode_part(encoder, &bytes[..48], &mut out[..64]);
        (bytes, out) = (&bytes[ahead / 4 * 3..], &mut out[ahead..]);
    }
    if out.len() >= simd.stream_from() {
        let blocks = bytes.len() / BYTES;
        let (from, to);
        (from, bytes) = bytes.split_at(blocks * BYTES);
        (to, out) = out.split_at_mut(blocks * TEXT);
        encode_blocks(simd, encoder, from, to, true);
        simd.end_stream();
    }
    encode_with(simd, encoder, bytes, out);
}

#[inline(always)]
fn encode_with<S: Base64>(
    simd: S,
    encoder: S::Encoder,
    mut bytes: &[u8],
    mut out: &mut [MaybeUninit<u8>],
) {
    if bytes.len() >= BYTES {
        let blocks = bytes.len() / BYTES;
        let (from, to);
        (from, bytes) = bytes.split_at(blocks * BYTES);
        (to, out) = out.split_at_mut(blocks * TEXT);
        encode_blocks(simd, encoder, from, to, false);
    }
    while bytes.len() > 48 {
        let (from, to);
        (from, bytes) = bytes.split_at(48);
        (to, out) = out.split_at_mut(64);
        simd.encode_part(encoder, from, to);
    }
    simd.encode_part(encoder, bytes, out);
}

#[inline(always)]
fn encode_blocks<S: Base64>(
    simd: S,
    encoder: S::Encoder,
    from: &[u8],
    to: &mut [MaybeUninit<u8>],
    stream: bool,
) {
    let (from, to) = (from.as_chunks().0, to.as_chunks_mut().0);
    for (from, to) in from.iter().zip(to) {
        simd.encode_block(encoder, from, to, stream);
    }
}

/// `out` has as many bytes as `text` has whole ones. The answer is less than the length of `text` if
/// it has an error, and then everything before it is symbols. For any length, without what pays only
/// for long ones.
#[inline(always)]
pub(crate) fn decode<S: Base64>(
    simd: S,
    text: &[u8],
    tables: &Tables,
    out: &mut [MaybeUninit<u8>],
) -> usize {
    decode_with(simd, simd.decoder(tables), text, out)
}

/// The same for a text of [`LONG`](crate::base64::LONG) bytes or more.
#[inline(always)]
pub(crate) fn decode_long<S: Base64>(
    simd: S,
    text: &[u8],
    tables: &Tables,
    out: &mut [MaybeUninit<u8>],
) -> usize {
    let decoder = simd.decoder(tables);
    if out.len() < simd.stream_from() {
        // Stores that cross cache lines cost the decoder nothing: it is not they that hold it up.
        return decode_with(simd, decoder, text, out);
    }
    // The first bytes are written twice so that those after them begin with a cache line.
    if let (Some(from), Some(to)) = (text.first_chunk(), out.first_chunk_mut())
        && simd.any(simd.decode_block(decoder, from, to, simd.no_errors(), false))
    {
        return 0;
    }
    // So many groups of 3 bytes that the next one is a multiple of 64: 43 * 3 = 1 modulo 64.
    let groups = out.as_ptr().align_offset(64).wrapping_mul(43) % 64;
    let (text, out) = (&text[4 * groups..], &mut out[3 * groups..]);
    let blocks = text.len() / TEXT;
    let (from, text) = text.split_at(blocks * TEXT);
    let (to, out) = out.split_at_mut(blocks * BYTES);
    let good = decode_blocks(simd, decoder, from, to, true);
    simd.end_stream();
    if good < from.len() {
        return 4 * groups + good;
    }
    4 * groups + good + decode_with(simd, decoder, text, out)
}

#[inline(always)]
fn decode_with<S: Base64>(
    simd: S,
    decoder: S::Decoder,
    mut text: &[u8],
    mut out: &mut [MaybeUninit<u8>],
) -> usize {
    let mut done = 0;
    if text.len() >= TEXT {
        let blocks = text.len() / TEXT;
        let (from, to);
        (from, text) = text.split_at(blocks * TEXT);
        (to, out) = out.split_at_mut(blocks * BYTES);
        done = decode_blocks(simd, decoder, from, to, false);
        if done < from.len() {
            return done;
        }
    }
    let (end, mut errors) = (done + text.len(), simd.no_errors());
    while text.len() > 64 {
        let from;
        (from, text) = text.split_at(64);
        errors = simd.decode_part(decoder, from, out, errors);
        out = &mut out[48..];
    }
    errors = simd.decode_part(decoder, text, out, errors);
    if simd.any(errors) { done } else { end }
}

/// How much of `from` surely is symbols: all of it, or a part.
#[inline(always)]
fn decode_blocks<S: Base64>(
    simd: S,
    decoder: S::Decoder,
    from: &[u8],
    to: &mut [MaybeUninit<u8>],
    stream: bool,
) -> usize {
    let (from, to) = (from.as_chunks::<TEXT>().0, to.as_chunks_mut().0);
    let mut good = 0;
    for (from, to) in from.chunks(BLOCKS_A_CHECK).zip(to.chunks_mut(BLOCKS_A_CHECK)) {
        let mut errors = simd.no_errors();
        for (from, to) in from.iter().zip(to) {
            errors = simd.decode_block(decoder, from, to, errors, stream);
        }
        if simd.any(errors) {
            break;
        }
        good += from.len() * TEXT;
    }
    good
}

/// How many bytes with white space are freed of it before they are decoded.
const STAGE: usize = 4096;

/// Symbols that were freed of white space.
struct Stage {
    symbols: [MaybeUninit<u8>; STAGE + 128],
    len: usize,
}

/// The answer is how many bytes of `text` were decoded, and how many of them are symbols. If that is
/// not all of `text`, there is an error later on. `out` has at least as many bytes as the text has
/// whole ones.
#[inline(always)]
pub(crate) fn decode_spaced<S: Base64>(
    simd: S,
    text: &[u8],
    tables: &Tables,
    out: &mut [MaybeUninit<u8>],
) -> (usize, usize) {
    let decoder = simd.decoder(tables);
    let mut stage = Stage { symbols: [MaybeUninit::uninit(); STAGE + 128], len: 0 };
    let (mut read, mut symbols, mut written) = (0, 0, 0);
    while read < text.len() {
        if stage.len == 0 {
            // Blocks without white space go right through. One that has some was decoded in vain: what
            // that wrote is written again, or lies behind the end.
            let (from, to) = (text[read..].as_chunks().0, out[written..].as_chunks_mut().0);
            for (from, to) in from.iter().zip(to) {
                let errors = simd.decode_block(decoder, from, to, simd.no_errors(), false);
                if simd.any(errors) {
                    break;
                }
                (read, symbols, written) = (read + TEXT, symbols + TEXT, written + BYTES);
            }
        }
        let before = stage.len;
        let chunk = &text[read..text.len().min(read + STAGE)];
        fill(simd, chunk, &mut stage);
        let last = read + chunk.len() == text.len();
        let now = if last { stage.len } else { stage.len / 4 * 4 };
        let bytes = now / 4 * 3 + now % 4 * 3 / 4;
        let Some(to) = out.get_mut(written..written + bytes) else { break };
        // SAFETY: `fill` wrote the first `len` bytes of the stage.
        let staged = unsafe { stage.symbols[..stage.len].assume_init_ref() };
        let left = &staged[now..];
        let left_valid = left.iter().all(|symbol| tables.values[*symbol as usize] < 64);
        if !left_valid || decode_with(simd, decoder, &staged[..now], to) < now {
            break;
        }
        read += chunk.len();
        symbols += stage.len - before;
        written += bytes;
        stage.symbols.copy_within(now..stage.len, 0);
        stage.len -= now;
    }
    (read, symbols)
}

/// Appends what is no white space.
#[inline(always)]
fn fill<S: Base64>(simd: S, text: &[u8], stage: &mut Stage) {
    let (blocks, rest) = text.as_chunks::<64>();
    for block in blocks {
        if let Some(to) = stage.symbols[stage.len..].first_chunk_mut() {
            stage.len += simd.compact(block, to);
        }
    }
    let mut last = [b' '; 64];
    last[..rest.len()].copy_from_slice(rest);
    if let Some(to) = stage.symbols[stage.len..].first_chunk_mut() {
        stage.len += simd.compact(&last, to);
    }
}

#[inline(always)]
pub(crate) fn count_symbols<S: Base64>(_: S, text: &[u8]) -> usize {
    let mut count = 0;
    for block in text.chunks(255) {
        // Few enough for a byte, so that the compiler adds bytes.
        let mut symbols = 0u8;
        for byte in block {
            symbols += u8::from(!byte.is_ascii_whitespace());
        }
        count += usize::from(symbols);
    }
    count
}

impl Base64 for Portable {
    type Encoder = [u8; 64];
    type Decoder = [u8; 256];
    type Errors = u8;

    #[inline(always)]
    fn encoder(self, tables: &Tables) -> [u8; 64] {
        tables.symbols
    }
    #[inline(always)]
    fn encode_block(
        self,
        symbols: [u8; 64],
        from: &[u8; BYTES],
        to: &mut [MaybeUninit<u8>; TEXT],
        _: bool,
    ) {
        for (from, to) in from.as_chunks().0.iter().zip(to.as_chunks_mut().0) {
            encode_group(&symbols, *from, to);
        }
    }
    #[inline(always)]
    fn encode_part(self, symbols: [u8; 64], from: &[u8], to: &mut [MaybeUninit<u8>]) {
        let (groups, rest) = from.as_chunks();
        let (whole, last) = to.as_chunks_mut();
        for (from, to) in groups.iter().zip(whole.iter_mut()) {
            encode_group(&symbols, *from, to);
        }
        if rest.is_empty() {
            return;
        }
        let to = if last.is_empty() { whole[groups.len()].as_mut_slice() } else { last };
        let mut group = [0; 3];
        group[..rest.len()].copy_from_slice(rest);
        let mut four = [MaybeUninit::new(b'='); 4];
        encode_group(&symbols, group, &mut four);
        four[rest.len() + 1..].fill(MaybeUninit::new(b'='));
        to.copy_from_slice(&four[..to.len()]);
    }

    #[inline(always)]
    fn decoder(self, tables: &Tables) -> [u8; 256] {
        tables.values
    }
    #[inline(always)]
    fn no_errors(self) -> u8 {
        0
    }
    #[inline(always)]
    fn any(self, errors: u8) -> bool {
        errors > 63
    }
    #[inline(always)]
    fn decode_block(
        self,
        values: [u8; 256],
        from: &[u8; TEXT],
        to: &mut [MaybeUninit<u8>; BYTES],
        mut errors: u8,
        _: bool,
    ) -> u8 {
        for (from, to) in from.as_chunks().0.iter().zip(to.as_chunks_mut().0) {
            errors |= decode_group(&values, *from, to);
        }
        errors
    }
    #[inline(always)]
    fn decode_part(
        self,
        values: [u8; 256],
        from: &[u8],
        to: &mut [MaybeUninit<u8>],
        mut errors: u8,
    ) -> u8 {
        let (groups, rest) = from.as_chunks();
        let (whole, last) = to.split_at_mut(groups.len() * 3);
        for (from, to) in groups.iter().zip(whole.as_chunks_mut().0) {
            errors |= decode_group(&values, *from, to);
        }
        let mut bits = 0;
        for index in 0..4 {
            let value = rest.get(index).map_or(0, |symbol| values[*symbol as usize]);
            errors |= value;
            bits = bits << 6 | u32::from(value);
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        for (to, byte) in last.iter_mut().zip(&bytes[..rest.len() * 3 / 4]) {
            to.write(*byte);
        }
        errors
    }

    #[inline(always)]
    fn compact(self, from: &[u8; 64], to: &mut [MaybeUninit<u8>; 64]) -> usize {
        let mut len = 0;
        for byte in from {
            to[len % 64].write(*byte);
            len += usize::from(!byte.is_ascii_whitespace());
        }
        len
    }

    #[inline(always)]
    fn stream_from(self) -> usize {
        usize::MAX
    }
    #[inline(always)]
    fn end_stream(self) {}
}

#[inline(always)]
fn encode_group(symbols: &[u8; 64], from: [u8; 3], to: &mut [MaybeUninit<u8>; 4]) {
    let bits = u32::from_be_bytes([0, from[0], from[1], from[2]]);
    let symbol = |shift: u32| symbols[(bits >> shift) as usize % 64];
    *to = [symbol(18), symbol(12), symbol(6), symbol(0)].map(MaybeUninit::new);
}

/// The answer is more than 63 if one of the bytes is no symbol.
#[inline(always)]
fn decode_group(values: &[u8; 256], from: [u8; 4], to: &mut [MaybeUninit<u8>; 3]) -> u8 {
    let [a, b, c, d] = from.map(|symbol| values[symbol as usize]);
    *to = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d].map(MaybeUninit::new);
    a | b | c | d
}
