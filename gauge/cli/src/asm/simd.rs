//! Packed arithmetic, by classes of operations rather than by mnemonics: what a class is called
//! differs between instruction sets (`paddsw`, `vpaddsw`).

use iced_x86::{Instruction, OpKind, Register};

/// What the elements of a packed operation are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// Double precision.
    F64,
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// Integers of 8 bits, signed or not.
    I8,
    /// Integers of 16 bits, signed or not.
    I16,
    /// Integers of 32 bits, signed or not.
    I32,
    /// Integers of 64 bits, signed or not.
    I64,
    /// Bits: and, or, exclusive or …; integers of any size.
    Bits,
    /// Bits, by an instruction for floats (`andps`): compilers use them for integers as well, and for the sign
    /// of a single float.
    FloatBits,
}

impl Element {
    /// As it is written in a contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::Bits | Self::FloatBits => "bits",
        }
    }

    /// The element of that name; unsigned integers are the same.
    pub fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "f64" => Self::F64,
            "f32" => Self::F32,
            "f16" => Self::F16,
            "i8" | "u8" => Self::I8,
            "i16" | "u16" => Self::I16,
            "i32" | "u32" => Self::I32,
            "i64" | "u64" => Self::I64,
            "bits" => Self::Bits,
            _ => return None,
        })
    }

    /// Whether an operation on such elements is one on `wanted`: operations on bits are on integers of
    /// any size. Those by instructions for floats are, where nothing else there is done with floats.
    pub fn fits(self, wanted: Self, among_floats: bool) -> bool {
        let is_integer = !matches!(wanted, Self::F64 | Self::F32 | Self::F16);
        let is_bits = self == Self::Bits || (self == Self::FloatBits && !among_floats);
        self == wanted || (is_bits && is_integer)
    }
}

/// A packed operation that computes: no move, no shuffle, no conversion, no zeroing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packed {
    /// Of what.
    pub element: Element,
    /// Bits at once: 128, 256 or 512.
    pub width: u32,
}

/// Stems of floating-point operations, without `v` before and `ps`, `pd` behind.
const FLOAT_STEMS: [&str; 19] = [
    "add", "sub", "mul", "div", "sqrt", "max", "min", "hadd", "hsub", "addsub", "dp", "rcp",
    "rsqrt", "cmp", "round", "rndscale", "range", "reduce", "scalef",
];
const FUSED_STEMS: [&str; 6] = ["fmadd", "fmsub", "fnmadd", "fnmsub", "fmaddsub", "fmsubadd"];

/// Integer operations, without `v` before; the sizes of their elements are behind the stem.
const INTEGER_STEMS: [&str; 29] = [
    "padds", "paddus", "padd", "psubs", "psubus", "psub", "pmulhrs", "pmulhu", "pmulh", "pmull",
    "pmins", "pminu", "pmaxs", "pmaxu", "pcmpeq", "pcmpgt", "pcmpu", "pcmp", "psllv", "psrlv",
    "psrav", "psll", "psrl", "psra", "pabs", "pavg", "psign", "plzcnt", "popcnt",
];
const MORE_INTEGER_STEMS: [&str; 10] =
    ["phadd", "phsub", "prolv", "prorv", "prol", "pror", "pshldv", "pshrdv", "ptestm", "ptestnm"];
/// Operations whose element is not in their name.
const ODD: [(&str, Element); 16] = [
    ("pmuludq", Element::I64),
    ("pmuldq", Element::I64),
    ("pmaddwd", Element::I16),
    ("pmaddubsw", Element::I8),
    ("psadbw", Element::I8),
    ("dbpsadbw", Element::I8),
    ("mpsadbw", Element::I8),
    ("pdpbusd", Element::I8),
    ("pdpbusds", Element::I8),
    ("pdpwssd", Element::I16),
    ("pdpwssds", Element::I16),
    ("pmadd52luq", Element::I64),
    ("pmadd52huq", Element::I64),
    ("phaddsw", Element::I16),
    ("phsubsw", Element::I16),
    ("pmultishiftqb", Element::I8),
];
const BITS: [&str; 12] = [
    "pand", "pandn", "por", "pxor", "pandd", "pandq", "pandnd", "pandnq", "pord", "porq", "pxord",
    "pxorq",
];
const FLOAT_BITS: [&str; 10] =
    ["andps", "andpd", "andnps", "andnpd", "orps", "orpd", "xorps", "xorpd", "testps", "testpd"];
const MORE_BITS: [&str; 13] = [
    "pternlogd",
    "pternlogq",
    "ptest",
    "pclmulqdq",
    "aesenc",
    "aesenclast",
    "aesdec",
    "aesdeclast",
    "gf2p8mulb",
    "gf2p8affineqb",
    "gf2p8affineinvqb",
    "pconflictd",
    "pconflictq",
];

/// What packed arithmetic an instruction does, if it does any.
pub fn packed(instruction: &Instruction) -> Option<Packed> {
    let width = width(instruction)?;
    let name = format!("{:?}", instruction.mnemonic()).to_lowercase();
    let element = element(&name).or_else(|| name.strip_prefix('v').and_then(element))?;
    (!is_zeroing(instruction, element)).then_some(Packed { element, width })
}

/// Whether it computes with single floats, or makes one of another number: what it writes is no vector.
pub(super) fn is_scalar(instruction: &Instruction) -> bool {
    let name = format!("{:?}", instruction.mnemonic()).to_lowercase();
    let bare = name.strip_prefix('v').unwrap_or(&name);
    // Between registers, these move a lane.
    let is_move = matches!(bare, "movss" | "movsd" | "movsh");
    let is_single = ["sd", "ss", "sh"].iter().any(|end| bare.ends_with(end));
    is_single && !is_move && !bare.starts_with('p')
}

/// Whether it computes with floats, one or several.
pub(super) fn is_float_arithmetic(instruction: &Instruction) -> bool {
    let name = format!("{:?}", instruction.mnemonic()).to_lowercase();
    let bare = name.strip_prefix('v').unwrap_or(&name);
    let is_packed = |e| matches!(e, Element::F64 | Element::F32 | Element::F16);
    is_scalar(instruction) || bare.starts_with("cvt") || element(bare).is_some_and(is_packed)
}

/// The widest vector register that takes part, in bits.
fn width(instruction: &Instruction) -> Option<u32> {
    let of = |register: Register| match register {
        r if r.is_xmm() => Some(128),
        r if r.is_ymm() => Some(256),
        r if r.is_zmm() => Some(512),
        _ => None,
    };
    let is_register = |operand: &u32| instruction.op_kind(*operand) == OpKind::Register;
    let operands = (0..instruction.op_count()).filter(is_register);
    operands.filter_map(|operand| of(instruction.op_register(operand))).max()
}

fn element(name: &str) -> Option<Element> {
    if let Some((_, element)) = ODD.iter().find(|(odd, _)| *odd == name) {
        return Some(*element);
    }
    if BITS.contains(&name) || MORE_BITS.contains(&name) {
        return Some(Element::Bits);
    }
    if FLOAT_BITS.contains(&name) {
        return Some(Element::FloatBits);
    }
    let floats = [("pd", Element::F64), ("ps", Element::F32), ("ph", Element::F16)];
    for (suffix, element) in floats {
        let Some(stem) = name.strip_suffix(suffix) else { continue };
        let is_fused = FUSED_STEMS.iter().any(|fused| {
            stem.strip_prefix(fused).is_some_and(|order| matches!(order, "132" | "213" | "231"))
        });
        // `rcp14`, `rsqrt28` of AVX-512.
        let stem = stem.trim_end_matches(|c: char| c.is_ascii_digit());
        if is_fused || FLOAT_STEMS.contains(&stem) {
            return Some(element);
        }
    }
    let integers =
        [("b", Element::I8), ("w", Element::I16), ("d", Element::I32), ("q", Element::I64)];
    for (suffix, element) in integers {
        let Some(stem) = name.strip_suffix(suffix) else { continue };
        if INTEGER_STEMS.contains(&stem) || MORE_INTEGER_STEMS.contains(&stem) {
            return Some(element);
        }
    }
    None
}

/// Whether it only makes zeros or ones, whatever the register held.
fn is_zeroing(instruction: &Instruction, element: Element) -> bool {
    let last = instruction.op_count().saturating_sub(1);
    let name = format!("{:?}", instruction.mnemonic()).to_lowercase();
    let is_same = |a: u32, b: u32| {
        instruction.op_kind(a) == OpKind::Register
            && instruction.op_kind(b) == OpKind::Register
            && instruction.op_register(a) == instruction.op_register(b)
    };
    let is_idiom = name.contains("xor")
        || name.contains("andn")
        || name.contains("pcmpeq")
        || name.contains("psub")
        || name.contains("pcmpgt");
    let sources = if instruction.op_count() >= 3 { (1, 2) } else { (0, 1) };
    if name.contains("pternlog") {
        // All ones, all zeros: the table is not asked.
        return matches!(instruction.immediate8(), 0 | 0xff);
    }
    let is_bits = matches!(element, Element::Bits | Element::FloatBits) || is_idiom;
    is_bits && is_idiom && last >= 1 && is_same(sources.0, sources.1)
}

#[cfg(test)]
mod tests {
    use iced_x86::{Decoder, DecoderOptions};

    use super::*;

    fn check(bytes: &[u8], expected: Option<(Element, u32)>) {
        let instruction = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE).decode();
        let found = packed(&instruction).map(|p| (p.element, p.width));
        assert_eq!(found, expected, "{instruction:?}");
    }

    #[test]
    fn arithmetic_is_told_from_moves() {
        check(&[0x66, 0x0f, 0x58, 0xc1], Some((Element::F64, 128))); // addpd xmm0, xmm1
        check(&[0x0f, 0x59, 0xc1], Some((Element::F32, 128))); // mulps xmm0, xmm1
        check(&[0xc5, 0xfd, 0x58, 0xc1], Some((Element::F64, 256))); // vaddpd ymm0, ymm0, ymm1
        check(&[0xc5, 0xfd, 0xfe, 0xc1], Some((Element::I32, 256))); // vpaddd ymm0, ymm0, ymm1
        check(&[0x62, 0xf2, 0xed, 0x48, 0xb8, 0xcb], Some((Element::F64, 512))); // vfmadd231pd zmm1…
        check(&[0xf2, 0x0f, 0x58, 0xc1], None); // addsd xmm0, xmm1
        check(&[0x0f, 0x10, 0x07], None); // movups xmm0, [rdi]
        check(&[0x66, 0x0f, 0x70, 0xc1, 0x4e], None); // pshufd
        check(&[0x66, 0x0f, 0x14, 0xc1], None); // unpcklpd
        check(&[0xf3, 0x0f, 0xe6, 0xc1], None); // cvtdq2pd
    }

    #[test]
    fn zeroing_is_no_arithmetic() {
        check(&[0x0f, 0x57, 0xc0], None); // xorps xmm0, xmm0
        check(&[0x0f, 0x57, 0xc1], Some((Element::FloatBits, 128))); // xorps xmm0, xmm1
        check(&[0x66, 0x0f, 0xef, 0xc0], None); // pxor xmm0, xmm0
        check(&[0x66, 0x0f, 0x76, 0xc0], None); // pcmpeqd xmm0, xmm0
        check(&[0x66, 0x0f, 0xfe, 0xc0], Some((Element::I32, 128))); // paddd xmm0, xmm0
        check(&[0xc5, 0xfd, 0xef, 0xc0], None); // vpxor ymm0, ymm0, ymm0
        check(&[0xc5, 0xfd, 0xef, 0xc1], Some((Element::Bits, 256))); // vpxor ymm0, ymm0, ymm1
    }

    #[test]
    fn bits_are_integers_of_any_size() {
        assert!(Element::Bits.fits(Element::I64, true) && Element::Bits.fits(Element::I8, true));
        assert!(
            !Element::Bits.fits(Element::F64, false) && !Element::I32.fits(Element::I64, false)
        );
        assert!(Element::FloatBits.fits(Element::I8, false));
        assert!(!Element::FloatBits.fits(Element::I8, true));
        assert!(!Element::FloatBits.fits(Element::F64, false));
        assert_eq!(Element::of_name("u32"), Some(Element::I32));
    }
}
