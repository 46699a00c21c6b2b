//! Counting primes beside the `primal` crate.

use std::num::NonZeroUsize;
use tidemill_ground::{Strategy, Work, compare, size};
use tidemill_kernels::{Isa, sieve};

fn main() {
    let cases = [("10^6", size(1_000_000, 1000), true), ("10^8", size(100_000_000, 10_000), true)];
    for (name, limit, naive) in cases {
        primes(name, limit, naive);
    }
    primes("10^9", size(1_000_000_000, 100_000), false);
}

fn primes(name: &str, limit: usize, naive: bool) {
    let two = NonZeroUsize::MIN.saturating_add(1);
    let mut strategies: Vec<Strategy<'_>> = vec![
        (
            "primal, Sieve::new and prime_pi",
            Box::new(move || primal::Sieve::new(limit).prime_pi(limit) as u64),
        ),
        (
            "primal, StreamingSieve::prime_pi",
            Box::new(move || primal::StreamingSieve::prime_pi(limit) as u64),
        ),
    ];
    if naive {
        strategies.push(("count_naive", Box::new(move || sieve::count_naive(limit))));
    }
    for isa in Isa::available() {
        let name: &'static str = format!("count, {}", isa.name()).leak();
        strategies.push((
            name,
            Box::new(move || {
                isa.force().expect("an available level");
                sieve::count(limit as u64)
            }),
        ));
    }
    strategies.extend([
        ("Sieve::new and count", Box::new(move || sieve::Sieve::new(limit as u64).count()) as _),
        ("primes().count()", Box::new(move || sieve::primes(limit as u64).count() as u64) as _),
        ("count_threads, 2", Box::new(move || sieve::count_threads(limit as u64, two)) as _),
        ("count_rayon", Box::new(move || sieve::count_rayon(limit as u64)) as _),
    ]);
    compare(&format!("primes up to {name}"), Work::Items(limit as u64), &mut strategies);
}
