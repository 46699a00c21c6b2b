//! Thirty numbers a byte: a bit for each that 2, 3 and 5 do not divide.

/// What number 30 `i` + `RESIDUES[j]` leaves, which is bit `j` of byte `i`.
pub(super) const RESIDUES: [u64; 8] = [1, 7, 11, 13, 17, 19, 23, 29];

/// The bit of a number, if it has one.
pub(super) const fn bit_of(number: u64) -> Option<u32> {
    let mut bit = 0;
    while bit < 8 {
        if RESIDUES[bit] == number % 30 {
            return Some(bit as u32);
        }
        bit += 1;
    }
    None
}

/// A prime 30 `quotient` + `R` that crosses its multiples off, `R` being known from where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stepper {
    pub(super) quotient: u32,
    /// The byte where its next round begins, from the start of the segment.
    pub(super) next: u32,
}

/// Of a round of the primes 30 `k` + `R`, which crosses off the eight multiples by 30 `q` +
/// `RESIDUES[j]`: byte `k * RESIDUES[j] + beyond[j]` of it keeps the bits `keep[j]`. The next round
/// begins 30 `k` + `R` bytes behind this one.
struct Round {
    beyond: [usize; 8],
    keep: [u8; 8],
}

const fn round(residue: u64) -> Round {
    let mut round = Round { beyond: [0; 8], keep: [0; 8] };
    let mut step = 0;
    while step < 8 {
        let product = residue * RESIDUES[step];
        round.beyond[step] = (product / 30) as usize;
        if let Some(bit) = bit_of(product) {
            round.keep[step] = !(1 << bit);
        }
        step += 1;
    }
    round
}

/// Where the eight multiples of a round are, from its start, and which bits they leave.
pub(super) fn steps(quotient: u32, residue: u64) -> [(usize, u8); 8] {
    let Round { beyond, keep } = round(residue);
    std::array::from_fn(|step| {
        (quotient as usize * RESIDUES[step] as usize + beyond[step], keep[step])
    })
}

/// Has all primes of the class `class` do the rounds that begin before byte `end` of `segment`.
///
/// # Panics
/// When a round might go beyond the segment.
pub(super) fn cross_off(class: usize, steppers: &mut [Stepper], segment: &mut [u8], end: usize) {
    match class {
        0 => cross_off_class::<1>(steppers, segment, end),
        1 => cross_off_class::<7>(steppers, segment, end),
        2 => cross_off_class::<11>(steppers, segment, end),
        3 => cross_off_class::<13>(steppers, segment, end),
        4 => cross_off_class::<17>(steppers, segment, end),
        5 => cross_off_class::<19>(steppers, segment, end),
        6 => cross_off_class::<23>(steppers, segment, end),
        _ => cross_off_class::<29>(steppers, segment, end),
    }
}

/// The same for one class, whose masks are constants of the code: eight instructions a round, and
/// two to go on.
fn cross_off_class<const R: u64>(steppers: &mut [Stepper], segment: &mut [u8], end: usize) {
    let Round { beyond, keep } = const { round(R) };
    for stepper in steppers {
        let quotient = stepper.quotient as usize;
        let prime = 30 * quotient + R as usize;
        assert!(end + prime <= segment.len(), "a round goes beyond the segment");
        let steps: [usize; 8] =
            std::array::from_fn(|step| quotient * RESIDUES[step] as usize + beyond[step]);
        let mut start = stepper.next as usize;
        while start < end {
            for step in 0..8 {
                // SAFETY: `start < end`, and each step is less than the prime: 29 times it over
                // 30 at most. Their sum is within the segment, as asserted.
                unsafe { *segment.get_unchecked_mut(start + steps[step]) &= keep[step] };
            }
            start += prime;
        }
        stepper.next = start as u32;
    }
}
