//! Features: where CPUID tells of them, and what they ask of the operating system.

use std::fmt;

use super::Leaf;

/// What the operating system must save at a change of threads for a feature to be of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    /// The 256-bit registers.
    Avx,
    /// The 512-bit and the mask registers.
    Avx512,
}

impl Needs {
    /// Whether extended control register 0 has it.
    pub(super) fn met(self, xcr0: u64) -> bool {
        let bits = match self {
            Self::Nothing => 0,
            Self::Avx => 0b110,
            Self::Avx512 => 0b1110_0110,
        };
        xcr0 & bits == bits
    }
}

/// The leaves that tell of features.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leaves {
    pub(super) one: Leaf,
    pub(super) seven: Leaf,
    pub(super) seven_one: Leaf,
    pub(super) extended_one: Leaf,
    pub(super) extended_seven: Leaf,
}

macro_rules! features {
    ($($(#[$doc:meta])* $feature:ident = $name:tt, $leaf:ident.$register:ident, $bit:literal, $needs:ident;)*) => {
        /// A feature of an x86-64 processor, of those that matter to a program's speed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Feature {
            $($(#[$doc])* $feature,)*
        }

        impl Feature {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$feature,)*];

            /// Its name, as `target_feature` (or, if that has none, Linux) spells it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$feature => $name,)*
                }
            }

            fn is_in(self, leaves: &Leaves, xcr0: u64) -> bool {
                match self {
                    $(Self::$feature => {
                        leaves.$leaf.$register >> $bit & 1 == 1 && Needs::$needs.met(xcr0)
                    })*
                }
            }
        }
    };
}

features! {
    /// Vectors of 128 bits; every x86-64 processor has them.
    Sse2 = "sse2", one.edx, 26, Nothing;
    /// Horizontal additions.
    Sse3 = "sse3", one.ecx, 0, Nothing;
    /// Shuffles of bytes.
    Ssse3 = "ssse3", one.ecx, 9, Nothing;
    /// Blends, extremes, extensions of integers.
    Sse41 = "sse4.1", one.ecx, 19, Nothing;
    /// Comparison of strings, CRC-32C.
    Sse42 = "sse4.2", one.ecx, 20, Nothing;
    /// Multiplication of polynomials over GF(2).
    Pclmulqdq = "pclmulqdq", one.ecx, 1, Nothing;
    /// AES rounds.
    Aes = "aes", one.ecx, 25, Nothing;
    /// SHA-1 and SHA-256 rounds.
    Sha = "sha", seven.ebx, 29, Nothing;
    /// Counting one bits.
    Popcnt = "popcnt", one.ecx, 23, Nothing;
    /// Counting leading zeros, defined for 0.
    Lzcnt = "lzcnt", extended_one.ecx, 5, Nothing;
    /// Bit manipulation: `tzcnt`, `andn`, `blsr`.
    Bmi1 = "bmi1", seven.ebx, 3, Nothing;
    /// Bit manipulation: `pdep`, `pext`, `bzhi`.
    Bmi2 = "bmi2", seven.ebx, 8, Nothing;
    /// Additions with two carry flags.
    Adx = "adx", seven.ebx, 19, Nothing;
    /// Loads and stores that reverse bytes.
    Movbe = "movbe", one.ecx, 22, Nothing;
    /// 16-byte compare and exchange.
    Cmpxchg16b = "cmpxchg16b", one.ecx, 13, Nothing;
    /// Random numbers.
    Rdrand = "rdrand", one.ecx, 30, Nothing;
    /// Random seeds.
    Rdseed = "rdseed", seven.ebx, 18, Nothing;
    /// Affine transformations of bytes over GF(2).
    Gfni = "gfni", seven.ecx, 8, Nothing;
    /// Vectors of 256 bits, floats.
    Avx = "avx", one.ecx, 28, Avx;
    /// Half-precision floats: conversion.
    F16c = "f16c", one.ecx, 29, Avx;
    /// Fused multiply and add.
    Fma = "fma", one.ecx, 12, Avx;
    /// Vectors of 256 bits, integers.
    Avx2 = "avx2", seven.ebx, 5, Avx;
    /// AES rounds on vectors.
    Vaes = "vaes", seven.ecx, 9, Avx;
    /// Multiplication of polynomials on vectors.
    Vpclmulqdq = "vpclmulqdq", seven.ecx, 10, Avx;
    /// Dot products of bytes, 256 bits.
    AvxVnni = "avxvnni", seven_one.eax, 4, Avx;
    /// Vectors of 512 bits and masks: the foundation.
    Avx512f = "avx512f", seven.ebx, 16, Avx512;
    /// 64-bit multiplication, conversions.
    Avx512dq = "avx512dq", seven.ebx, 17, Avx512;
    /// 52-bit multiplication.
    Avx512ifma = "avx512ifma", seven.ebx, 21, Avx512;
    /// Conflicts, leading zeros.
    Avx512cd = "avx512cd", seven.ebx, 28, Avx512;
    /// Bytes and 16-bit words.
    Avx512bw = "avx512bw", seven.ebx, 30, Avx512;
    /// All of it on 128 and 256 bits.
    Avx512vl = "avx512vl", seven.ebx, 31, Avx512;
    /// Permutations of bytes.
    Avx512vbmi = "avx512vbmi", seven.ecx, 1, Avx512;
    /// Compression of bytes, double shifts.
    Avx512vbmi2 = "avx512vbmi2", seven.ecx, 6, Avx512;
    /// Dot products of bytes.
    Avx512vnni = "avx512vnni", seven.ecx, 11, Avx512;
    /// Counting bits of bytes, gathering bits.
    Avx512bitalg = "avx512bitalg", seven.ecx, 12, Avx512;
    /// Counting bits of words.
    Avx512vpopcntdq = "avx512vpopcntdq", seven.ecx, 14, Avx512;
    /// Intersections.
    Avx512vp2intersect = "avx512vp2intersect", seven.edx, 8, Avx512;
    /// Half-precision floats: arithmetic.
    Avx512fp16 = "avx512fp16", seven.edx, 23, Avx512;
    /// Brain floats.
    Avx512bf16 = "avx512bf16", seven_one.eax, 5, Avx512;
    /// Fast `rep movsb`.
    Erms = "erms", seven.ebx, 9, Nothing;
    /// Fast `rep movsb` of few bytes.
    Fsrm = "fsrm", seven.edx, 4, Nothing;
    /// The counter with the number of the processor.
    Rdtscp = "rdtscp", extended_one.edx, 27, Nothing;
    /// A counter of constant rate in all states of the processor.
    InvariantTsc = "nonstop_tsc", extended_seven.edx, 8, Nothing;
    /// Runs under a hypervisor.
    Hypervisor = "hypervisor", one.ecx, 31, Nothing;
}

/// A set of features.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct FeatureSet(u64);

impl FeatureSet {
    pub(super) fn decode(leaves: &Leaves, xcr0: u64) -> Self {
        const { assert!(Feature::ALL.len() <= 64) };
        let has = Feature::ALL.iter().filter(|feature| feature.is_in(leaves, xcr0));
        Self(has.fold(0, |set, &feature| set | 1 << feature as u8))
    }

    /// Whether it has the feature.
    #[inline]
    #[must_use]
    pub fn has(self, feature: Feature) -> bool {
        self.0 >> feature as u8 & 1 == 1
    }

    /// What is in it.
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.iter().copied().filter(move |&feature| self.has(feature))
    }
}

impl fmt::Debug for FeatureSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Names, with spaces between.
impl fmt::Display for FeatureSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Feature::name).collect();
        f.write_str(&names.join(" "))
    }
}

#[cfg(test)]
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod tests {
    use super::*;
    use crate::CpuFeatures;

    #[test]
    fn agrees_with_std() {
        macro_rules! check {
            ($($feature:ident $name:tt)*) => {$(
                assert_eq!(Feature::$feature.name(), $name);
                assert_eq!(
                    CpuFeatures::get().has(Feature::$feature),
                    std::arch::is_x86_feature_detected!($name),
                    $name
                );
            )*};
        }
        check! {
            Sse2 "sse2" Sse3 "sse3" Ssse3 "ssse3" Sse41 "sse4.1" Sse42 "sse4.2"
            Pclmulqdq "pclmulqdq" Aes "aes" Sha "sha" Popcnt "popcnt" Lzcnt "lzcnt"
            Bmi1 "bmi1" Bmi2 "bmi2" Adx "adx" Movbe "movbe" Cmpxchg16b "cmpxchg16b"
            Rdrand "rdrand" Rdseed "rdseed" Gfni "gfni" Avx "avx" F16c "f16c" Fma "fma"
            Avx2 "avx2" Vaes "vaes" Vpclmulqdq "vpclmulqdq" AvxVnni "avxvnni"
            Avx512f "avx512f" Avx512dq "avx512dq" Avx512ifma "avx512ifma" Avx512cd "avx512cd"
            Avx512bw "avx512bw" Avx512vl "avx512vl" Avx512vbmi "avx512vbmi"
            Avx512vbmi2 "avx512vbmi2" Avx512vnni "avx512vnni" Avx512bitalg "avx512bitalg"
            Avx512vpopcntdq "avx512vpopcntdq" Avx512vp2intersect "avx512vp2intersect"
            Avx512fp16 "avx512fp16" Avx512bf16 "avx512bf16"
        }
    }

    #[test]
    fn what_the_operating_system_does_not_save_is_not_there() {
        let all = Leaf { eax: u32::MAX, ebx: u32::MAX, ecx: u32::MAX, edx: u32::MAX };
        let leaves =
            Leaves { one: all, seven: all, seven_one: all, extended_one: all, extended_seven: all };
        let check = |xcr0: u64, sse: bool, avx: bool, avx512: bool| {
            let set = FeatureSet::decode(&leaves, xcr0);
            let got = [Feature::Sse42, Feature::Avx2, Feature::Avx512f].map(|one| set.has(one));
            assert_eq!(got, [sse, avx, avx512], "{xcr0:#b}");
        };
        check(0, true, false, false);
        check(0b11, true, false, false);
        check(0b111, true, true, false);
        check(0b1110_0111, true, true, true);
        check(0b1110_0001, true, false, false);
        check(0b0110_0111, true, true, false);
    }
}
