//! One function at all levels, side by side.
#![allow(dead_code, missing_docs, reason = "each bench uses a part; criterion generates")]

use criterion::{Criterion, Throughput};
use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tidemill_kernels::Isa;

/// What is measured: its name, and the values and bytes that one call goes through.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) name: &'a str,
    pub(crate) values: usize,
    pub(crate) bytes: usize,
}

/// A way to get the answer that is not one of this crate's levels.
pub(crate) type Other<'a> = (&'a str, &'a mut dyn FnMut() -> u64);

/// Measures `run` at each level this processor has and the `others`, all of which must give the
/// same answer, and prints a line for each: the best time of a call and its ratio to the naive
/// loop, which is the scalar level.
pub(crate) fn compare(
    criterion: &mut Criterion,
    case: Case<'_>,
    run: &mut dyn FnMut() -> u64,
    others: &mut [Other<'_>],
) {
    let mut results = Vec::new();
    let mut answer = None;
    let mut measure = |name: &str, run: &mut dyn FnMut() -> u64| {
        let result = run();
        assert_eq!(*answer.get_or_insert(result), result, "{} {name}", case.name);
        results.push((name.to_owned(), best_time(criterion, case, name, run)));
    };
    for isa in Isa::available() {
        if isa.force().is_ok() {
            measure(isa.name(), run);
        }
    }
    for (name, run) in others {
        measure(name, run);
    }
    report(case, &results);
}

/// The shortest mean of a sample, in nanoseconds; nothing in `cargo test`.
fn best_time(
    criterion: &mut Criterion,
    case: Case<'_>,
    name: &str,
    run: &mut dyn FnMut() -> u64,
) -> Option<f64> {
    let best = Cell::new(None::<f64>);
    let mut group = criterion.benchmark_group(case.name);
    group.throughput(Throughput::Bytes(case.bytes as u64));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|calls| {
            let start = Instant::now();
            for _ in 0..calls {
                black_box(run());
            }
            let elapsed = start.elapsed();
            let nanoseconds = elapsed.as_secs_f64() * 1e9 / calls as f64;
            if calls > 1 {
                best.set(Some(best.get().map_or(nanoseconds, |best| best.min(nanoseconds))));
            }
            elapsed
        });
    });
    group.finish();
    best.get()
}

fn report(case: Case<'_>, results: &[(String, Option<f64>)]) {
    let naive = results.first().and_then(|(_, time)| *time);
    for (name, time) in results {
        let (Some(time), Some(naive)) = (time, naive) else { return };
        println!(
            "| {} | {name} | {time:.0} ns | {:.1} GB/s | {:.2} values/ns | {:.1} x |",
            case.name,
            case.bytes as f64 / time,
            case.values as f64 / time,
            naive / time,
        );
    }
}

/// Short measurements: the best of many samples is what counts, and other work runs beside.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(300))
        .without_plots()
        .configure_from_args()
}

/// Whether cases of this size may run. `cargo gauge` asks for one case a process, by a pattern of its whole name: the data of
/// the other sizes would take longer to prepare than the case to measure.
pub(crate) fn is_wanted(size: &str) -> bool {
    let mut whole_names = std::env::args().filter(|argument| argument.starts_with('^'));
    whole_names.all(|pattern| pattern.replace('\\', "").contains(&format!(" {size}/")))
}

/// Pseudo-random numbers (SplitMix64, Steele, Lea, Flood 2014).
pub(crate) fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
