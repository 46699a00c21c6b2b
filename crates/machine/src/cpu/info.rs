//! Names, caches and features of the processor.

use std::fmt;
use std::sync::OnceLock;

use super::feature::Leaves;
use super::{Cache, Feature, FeatureSet, Leaf, cpuid};
use crate::arch;

/// A processor has no more caches than this that we tell of.
const MAX_CACHES: usize = 8;

/// What the processor is and can do; features only as far as the operating system supports them.
///
/// Everything is empty or 0 on processors other than x86-64.
#[derive(Clone, Debug)]
pub struct CpuFeatures {
    vendor: String,
    brand: String,
    family: u32,
    model: u32,
    stepping: u32,
    caches: Vec<Cache>,
    features: FeatureSet,
    base_mhz: u32,
    counter_hz: Option<u64>,
}

impl CpuFeatures {
    /// Asks once per process (two dozen CPUIDs: 100 µs or so in a virtual machine); later it is a load and a
    /// predicted branch.
    #[inline]
    #[must_use]
    pub fn get() -> &'static Self {
        static FEATURES: OnceLock<CpuFeatures> = OnceLock::new();
        FEATURES.get_or_init(|| Self::decode(&cpuid, arch::cpuid::xcr0()))
    }

    fn decode(ask: &dyn Fn(u32, u32) -> Leaf, xcr0: u64) -> Self {
        let (max, max_extended) = (ask(0, 0).eax, ask(0x8000_0000, 0).eax);
        let ask = |leaf: u32, subleaf: u32| {
            let known = if leaf < 0x8000_0000 { max } else { max_extended };
            if leaf <= known { ask(leaf, subleaf) } else { Leaf::default() }
        };
        let leaves = Leaves {
            one: ask(1, 0),
            seven: ask(7, 0),
            seven_one: if ask(7, 0).eax >= 1 { ask(7, 1) } else { Leaf::default() },
            extended_one: ask(0x8000_0001, 0),
            extended_seven: ask(0x8000_0007, 0),
        };
        let zero = ask(0, 0);
        let brand = (0x8000_0002..=0x8000_0004)
            .map(|leaf| ask(leaf, 0))
            .flat_map(|leaf| [leaf.eax, leaf.ebx, leaf.ecx, leaf.edx]);
        let (family, model, stepping) = signature(leaves.one.eax);
        // AMD tells of its caches in a leaf of its own if it has "topology extensions".
        let amd = leaves.extended_one.ecx >> 22 & 1 == 1;
        let cache_leaf = if amd { 0x8000_001D } else { 4 };
        Self {
            vendor: text([zero.ebx, zero.edx, zero.ecx].into_iter()),
            brand: text(brand),
            family,
            model,
            stepping,
            caches: (0..MAX_CACHES as u32)
                .map_while(|index| Cache::decode(ask(cache_leaf, index)))
                .collect(),
            features: FeatureSet::decode(&leaves, xcr0),
            base_mhz: ask(0x16, 0).eax & 0xFFFF,
            counter_hz: counter_hz(ask(0x15, 0)),
        }
    }

    /// Whether the processor has the feature and the operating system supports it.
    #[inline]
    #[must_use]
    pub fn has(&self, feature: Feature) -> bool {
        self.features.has(feature)
    }

    /// All features.
    #[must_use]
    pub fn features(&self) -> FeatureSet {
        self.features
    }

    /// Who made it: `AuthenticAMD`, `GenuineIntel`.
    #[must_use]
    pub fn vendor(&self) -> &str {
        &self.vendor
    }

    /// What it is sold as.
    #[must_use]
    pub fn brand(&self) -> &str {
        &self.brand
    }

    /// Family, model, stepping, the extended parts included.
    #[must_use]
    pub fn signature(&self) -> (u32, u32, u32) {
        (self.family, self.model, self.stepping)
    }

    /// Its caches, nearest first.
    #[must_use]
    pub fn caches(&self) -> &[Cache] {
        &self.caches
    }

    /// A line of its first data cache in bytes; 64 if it does not say.
    #[must_use]
    pub fn line_bytes(&self) -> usize {
        self.caches.first().map_or(64, |cache| cache.line_bytes as usize)
    }

    /// The nominal clock in MHz, if it says (leaf 0x16; AMD does not).
    #[must_use]
    pub fn base_mhz(&self) -> Option<u32> {
        (self.base_mhz != 0).then_some(self.base_mhz)
    }

    /// The rate of the time-stamp counter in Hz, if it says exactly (leaf 0x15 with the
    /// crystal's rate; AMD does not).
    #[must_use]
    pub fn counter_hz(&self) -> Option<u64> {
        self.counter_hz
    }
}

/// `AuthenticAMD family 26 model 2 stepping 1, AMD EPYC; L1 48 KiB data, ..; sse2 ..`.
impl fmt::Display for CpuFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vendor, brand, family, model, stepping, .. } = self;
        write!(f, "{vendor} family {family} model {model} stepping {stepping}, {brand};")?;
        for cache in &self.caches {
            let kind = format!("{:?}", cache.kind).to_lowercase();
            write!(f, " L{} {} KiB {kind},", cache.level, cache.bytes >> 10)?;
        }
        write!(f, " lines of {} bytes; {}", self.line_bytes(), self.features)
    }
}

/// Family, model, stepping of leaf 1's EAX.
fn signature(eax: u32) -> (u32, u32, u32) {
    let (base_family, base_model) = (eax >> 8 & 15, eax >> 4 & 15);
    let family = base_family + if base_family == 15 { eax >> 20 & 255 } else { 0 };
    let has_more = base_family == 6 || base_family == 15;
    let model = base_model + if has_more { (eax >> 16 & 15) << 4 } else { 0 };
    (family, model, eax & 15)
}

/// Leaf 0x15: the counter runs at `ecx * ebx / eax` Hz, if all are given.
fn counter_hz(leaf: Leaf) -> Option<u64> {
    let [denominator, numerator, crystal_hz] = [leaf.eax, leaf.ebx, leaf.ecx].map(u64::from);
    let is_given = denominator != 0 && numerator != 0 && crystal_hz != 0;
    is_given.then(|| crystal_hz * numerator / denominator)
}

/// The bytes of registers up to a zero, without spaces around.
fn text(registers: impl Iterator<Item = u32>) -> String {
    let bytes: Vec<u8> =
        registers.flat_map(u32::to_le_bytes).take_while(|&byte| byte != 0).collect();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CacheKind;

    #[test]
    fn signatures() {
        let check = |eax, wanted| assert_eq!(signature(eax), wanted, "{eax:#x}");
        check(0x00B0_0F21, (26, 2, 1)); // Zen 5
        check(0x00A2_0F12, (25, 0x21, 2)); // Zen 3
        check(0x000C_06F2, (6, 0xCF, 2)); // Emerald Rapids
        check(0x0000_0543, (5, 4, 3)); // a Pentium: no extended model
    }

    #[test]
    fn the_rate_of_the_counter() {
        let check = |eax, ebx, ecx, wanted| {
            assert_eq!(counter_hz(Leaf { eax, ebx, ecx, edx: 0 }), wanted);
        };
        check(2, 168, 25_000_000, Some(2_100_000_000));
        check(2, 168, 0, None);
        check(0, 168, 25_000_000, None);
        check(2, 0, 25_000_000, None);
    }

    /// A processor as Intel's answer: caches in leaf 4, a last leaf after which others answer.
    #[test]
    fn leaves_beyond_the_last_are_not_believed() {
        let ask = |leaf: u32, subleaf: u32| match (leaf, subleaf) {
            (0, _) => Leaf { eax: 4, ebx: 0x756E_6547, ecx: 0x6C65_746E, edx: 0x4965_6E69 },
            (1, _) => Leaf { eax: 0x000C_06F2, ..Leaf::default() },
            (4, 0) => Leaf { eax: 0x1C00_4121, ebx: 0x02C0_003F, ecx: 63, edx: 0 },
            (4, 1) => Leaf { eax: 0x1C00_4122, ebx: 0x01C0_003F, ecx: 63, edx: 0 },
            (4, _) => Leaf::default(),
            (0x8000_0000, _) => Leaf::default(),
            _ => Leaf { eax: u32::MAX, ebx: u32::MAX, ecx: u32::MAX, edx: u32::MAX },
        };
        let cpu = CpuFeatures::decode(&ask, u64::MAX);
        assert_eq!(cpu.vendor(), "GenuineIntel");
        assert_eq!(cpu.signature(), (6, 0xCF, 2));
        assert_eq!((cpu.brand(), cpu.base_mhz(), cpu.counter_hz()), ("", None, None));
        assert_eq!(cpu.features(), FeatureSet::default());
        let caches: Vec<_> =
            cpu.caches().iter().map(|one| (one.level, one.kind, one.bytes)).collect();
        let wanted = [(1, CacheKind::Data, 48 << 10), (1, CacheKind::Instruction, 32 << 10)];
        assert_eq!(caches, wanted);
        assert_eq!((cpu.caches()[0].ways, cpu.caches()[0].shared_by), (12, 2));
    }

    #[test]
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    fn this_processor_has_a_name_and_caches() {
        let cpu = CpuFeatures::get();
        assert_eq!(cpu.vendor().len(), 12, "{cpu}");
        assert!(cpu.signature().0 >= 5, "{cpu}");
        assert!(!cpu.caches().is_empty(), "{cpu}");
        assert!(cpu.line_bytes().is_power_of_two(), "{cpu}");
        assert!(cpu.caches().iter().all(|cache| cache.level >= 1 && cache.bytes >= 4096), "{cpu}");
    }
}
