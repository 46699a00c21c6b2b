//! Which implementation runs.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

/// A level of instruction sets that this crate has implementations for.
///
/// The first call of a function picks the best level the processor can run, or the one that the
/// environment variable `TIDEMILL_ISA` names (`scalar`, `portable`, `avx2` or `avx512`), and
/// remembers it. All levels but [`Isa::Scalar`] give the same answers, to the bit, but for the
/// rounding of [`matrix::multiply`](crate::matrix::multiply) and for what a NaN carries; the scalar
/// loop adds floats from left to right and rounds otherwise than the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Isa {
    /// The plain loop: the definition of the answer and the baseline of the benches.
    Scalar = 1,
    /// The blocked algorithm in instructions that every processor of the architecture has.
    Portable,
    /// x86-64 with AVX2, BMI1, BMI2, FMA, LZCNT, POPCNT and PCLMULQDQ (Haswell, Zen).
    Avx2,
    /// The same and AVX-512 F, BW, CD, DQ, VL, VBMI and VBMI2 (Ice Lake, Zen 4).
    Avx512,
}

/// A level this processor cannot run, or a name that no level has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsaError(String);

impl fmt::Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for IsaError {}

impl Isa {
    /// Every level, the slowest first.
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Portable, Self::Avx2, Self::Avx512];

    /// The name, as `TIDEMILL_ISA` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this processor can run it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar | Self::Portable => true,
            Self::Avx2 => has_avx2(),
            Self::Avx512 => has_avx512(),
        }
    }

    /// The levels this processor can run, the slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// The level in use: the forced one, or else the best.
    ///
    /// A `TIDEMILL_ISA` that names no level, or one this processor lacks, is ignored: a library
    /// has nowhere to complain. Commands can check it with [`Isa::from_environment`].
    #[must_use]
    pub fn active() -> Self {
        let active = ACTIVE.load(Ordering::Relaxed);
        if let Some(isa) = Self::ALL.into_iter().find(|isa| *isa as u8 == active) {
            return isa;
        }
        let named = Self::from_environment().ok().flatten();
        let isa = named.or_else(|| Self::available().last()).unwrap_or(Self::Portable);
        ACTIVE.store(isa as u8, Ordering::Relaxed);
        isa
    }

    /// The level that `TIDEMILL_ISA` names, if it is set.
    ///
    /// # Errors
    /// When it names no level, or one that this processor lacks.
    pub fn from_environment() -> Result<Option<Self>, IsaError> {
        let Some(name) = std::env::var_os("TIDEMILL_ISA") else { return Ok(None) };
        let isa: Self = name.to_string_lossy().parse()?;
        isa.check().map(Some)
    }

    /// Uses this level in the whole process from now on: for comparing levels. Calls that run
    /// meanwhile finish with either.
    ///
    /// # Errors
    /// When this processor lacks it.
    pub fn force(self) -> Result<(), IsaError> {
        self.check()?;
        let chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
        ACTIVE.store(self as u8, Ordering::Relaxed);
        for choice in chosen.iter() {
            choice.pointer.store(choice.choose, Ordering::Relaxed);
        }
        Ok(())
    }

    fn check(self) -> Result<Self, IsaError> {
        if self.is_available() {
            return Ok(self);
        }
        Err(IsaError(format!("this processor cannot run the {} kernels", self.name())))
    }
}

impl FromStr for Isa {
    type Err = IsaError;
    fn from_str(name: &str) -> Result<Self, IsaError> {
        let known = Self::ALL.into_iter().find(|isa| isa.name() == name);
        known.ok_or_else(|| {
            IsaError(format!("no such kernels: {name:?} (scalar, portable, avx2, avx512)"))
        })
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("pclmulqdq")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vbmi2")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> bool {
    false
}

/// The level in use, 0 before the first call.
static ACTIVE: AtomicU8 = AtomicU8::new(0);

/// The functions that have chosen, so that [`Isa::force`] can make them choose again.
static CHOSEN: Mutex<Vec<Choice>> = Mutex::new(Vec::new());

struct Choice {
    pointer: &'static AtomicPtr<()>,
    choose: *mut (),
}

// SAFETY: `choose` is the address of a function, which every thread may call.
unsafe impl Send for Choice {}

/// Has `pointer` hold the implementation `pick` gives for the level in use. The lock orders this
/// with [`Isa::force`], so that no choice made before it survives it.
pub(crate) fn choose(
    pointer: &'static AtomicPtr<()>,
    choose: *mut (),
    pick: impl FnOnce(Isa) -> *mut (),
) -> *mut () {
    let mut chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
    let implementation = pick(Isa::active());
    pointer.store(implementation, Ordering::Relaxed);
    if !chosen.iter().any(|choice| std::ptr::eq(choice.pointer, pointer)) {
        chosen.push(Choice { pointer, choose });
    }
    implementation
}

/// Calls the implementation of `$family::$name` for the level in use:
/// `dispatch!(bitpack::pack(values: &[u64; 1024], width: u32, out: &mut [u8]) -> u64)`.
///
/// A static holds the address of the implementation; at first, of one that chooses (the way of
/// the `memchr` crate). A call therefore costs a relaxed load and an indirect call.
macro_rules! dispatch {
    ($family:ident::$name:ident($($argument:ident: $ty:ty),* $(,)?) $(-> $output:ty)?) => {{
        type Implementation = unsafe fn($($ty),*) $(-> $output)?;
        static POINTER: std::sync::atomic::AtomicPtr<()> =
            std::sync::atomic::AtomicPtr::new(choose as *mut ());
        unsafe fn choose($($argument: $ty),*) $(-> $output)? {
            let pointer = $crate::dispatch::choose(&POINTER, choose as *mut (), |isa| {
                let implementation: Implementation = match isa {
                    #[cfg(target_arch = "x86_64")]
                    $crate::Isa::Avx512 => $crate::arch::x86_64::avx512::$family::$name,
                    #[cfg(target_arch = "x86_64")]
                    $crate::Isa::Avx2 => $crate::arch::x86_64::avx2::$family::$name,
                    $crate::Isa::Scalar => $crate::arch::scalar::$family::$name,
                    _ => $crate::arch::portable::$family::$name,
                };
                implementation as *mut ()
            });
            // SAFETY: `choose` returns what the closure made from an `Implementation`; its
            // instructions are there, as no level gets active that the processor lacks.
            unsafe { std::mem::transmute::<*mut (), Implementation>(pointer)($($argument),*) }
        }
        let pointer = POINTER.load(std::sync::atomic::Ordering::Relaxed);
        // SAFETY: POINTER holds `choose` above or what it stored, both of this type; see there.
        unsafe { std::mem::transmute::<*mut (), Implementation>(pointer)($($argument),*) }
    }};
}
pub(crate) use dispatch;
