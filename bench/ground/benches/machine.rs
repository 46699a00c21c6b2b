//! What the machine level costs: cycles of the time-stamp counter an instruction, then beside std
//! and `quanta`.

use std::ffi::{CStr, CString};
use std::hint::black_box;
use std::os::fd::AsFd;
use std::time::Instant;

use tidemill_ground::{Strategy, Work, compare, measuring, random, size};
use tidemill_machine::sys::{self, Clock};
use tidemill_machine::{
    CpuFeatures, CycleClock, barrier, bits, call, counter, cpu, cstr, prefetch,
};

fn main() {
    costs();
    readings();
    words();
    strings();
    memory();
}

/// The least of some rounds, in cycles a call; calls stand behind each other, not on each other.
fn cost(name: &str, calls: u32, mut run: impl FnMut(u64)) {
    let clock = CycleClock::shared();
    let (calls, rounds) = if measuring() { (calls, 101) } else { (1, 1) };
    let least = (0..rounds)
        .map(|_| {
            let start = clock.start();
            for index in 0..calls {
                run(u64::from(index));
            }
            clock.stop(start)
        })
        .min()
        .unwrap_or_default();
    if measuring() {
        let each = least.0 as f64 / f64::from(calls);
        println!("| {name} | {each:.1} | {:.1} |", each / clock.hz() * 1e9);
    }
}

fn costs() {
    println!("{}\n{}\n", CycleClock::shared(), CpuFeatures::get());
    println!("| | cycles | ns |\n|---|---|---|");
    let word = |index: u64| black_box(index << 7 | 1);
    cost("an empty loop", 1000, |index| _ = black_box(index));
    cost("counter::read", 1000, |_| _ = black_box(counter::read()));
    cost("counter::read_with_processor", 1000, |_| {
        black_box(counter::read_with_processor());
    });
    cost("counter::read_start", 1000, |_| _ = black_box(counter::read_start()));
    cost("counter::read_end", 1000, |_| _ = black_box(counter::read_end()));
    cost("barrier::mfence", 1000, |_| barrier::mfence());
    cost("barrier::lfence", 1000, |_| barrier::lfence());
    cost("barrier::sfence", 1000, |_| barrier::sfence());
    cost("cpu::cpuid", 10, |_| _ = black_box(cpu::cpuid(0, 0)));
    cost("bits::count_trailing_zeros", 1000, |index| {
        black_box(bits::count_trailing_zeros(word(index)));
    });
    cost("bits::count_leading_zeros", 1000, |index| {
        black_box(bits::count_leading_zeros(word(index)));
    });
    cost("bits::popcnt", 1000, |index| _ = black_box(bits::popcnt(word(index))));
    cost("bits::bswap", 1000, |index| _ = black_box(bits::bswap(word(index))));
    cost("call::dot4", 1000, |index| {
        black_box(call::dot4(black_box([index as i64; 4]), [1, 2, 3, 4]));
    });
    let values = [0u64; 512];
    cost("prefetch::read_at", 1000, |index| prefetch::read_at(&values, index as usize % 512));
    cost("sys::getpid", 100, |_| _ = black_box(sys::getpid()));
    cost("sys::clock_gettime", 100, |_| _ = black_box(sys::clock_gettime(Clock::Monotonic)));
    let null = std::fs::File::options().write(true).open("/dev/null");
    if let Ok(null) = &null {
        cost("sys::write of 8 bytes to /dev/null", 100, |_| {
            black_box(sys::write(null.as_fd(), b"12345678").is_ok());
        });
    }
}

/// A reading of each clock, ten thousand times; they have no answer but that time goes on.
fn readings() {
    const CALLS: u64 = 10_000;
    fn goes_on<T: PartialOrd>(read: impl Fn() -> T) -> u64 {
        let first = read();
        let mut last = read();
        for _ in 2..CALLS {
            last = read();
        }
        u64::from(last >= first)
    }
    let clock = quanta::Clock::new();
    let shared = CycleClock::shared();
    let mut strategies: [Strategy<'_>; 5] = [
        ("std Instant::now", Box::new(|| goes_on(Instant::now))),
        ("quanta raw", Box::new(|| goes_on(|| clock.raw()))),
        ("quanta now", Box::new(|| goes_on(|| clock.now()))),
        ("CycleClock::now", Box::new(|| goes_on(CycleClock::now))),
        ("CycleClock start", Box::new(|| goes_on(|| shared.start()))),
    ];
    compare("a reading", Work::Items(CALLS), &mut strategies);
}

fn words() {
    let mut next = random(1);
    let words: Vec<u64> = (0..4096).map(|_| next()).collect();
    let sum = |count: fn(u64) -> u32| {
        words.iter().map(|&word| u64::from(count(black_box(word)))).sum::<u64>()
    };
    let mut strategies: [Strategy<'_>; 2] = [
        ("std count_ones", Box::new(|| sum(|word| word.count_ones()))),
        ("bits::popcnt", Box::new(|| sum(bits::popcnt))),
    ];
    compare("one bits of 4096 words", Work::Items(4096), &mut strategies);
    let mut strategies: [Strategy<'_>; 2] = [
        ("std trailing_zeros", Box::new(|| sum(|word| word.trailing_zeros()))),
        ("bits::count_trailing_zeros", Box::new(|| sum(bits::count_trailing_zeros))),
    ];
    compare("trailing zeros of 4096 words", Work::Items(4096), &mut strategies);
}

fn strings() {
    for length in [7, 31, 100, 1000, 16_000, size(1 << 24, 1 << 16)] {
        let string = CString::new(vec![b'x'; length]).unwrap_or_default();
        let of = |function: fn(&CStr) -> usize| {
            let string = string.as_c_str();
            move || function(black_box(string)) as u64
        };
        let mut strategies: [Strategy<'_>; 3] = [
            ("C strlen", Box::new(of(cstr::strlen_c))),
            ("bytes in assembly", Box::new(of(cstr::strlen_bytes))),
            ("SIMD", Box::new(of(cstr::strlen_simd))),
        ];
        compare(&format!("strlen of {length}"), Work::Bytes(length as u64), &mut strategies);
    }
}

/// Sums values in a random order, with and without asking for those to come.
fn memory() {
    const AHEAD: usize = 16;
    let count = size(1 << 23, 1 << 10);
    let values: Vec<u64> = (0..count as u64).collect();
    let mut next = random(2);
    let order: Vec<u32> =
        (0..size(1 << 18, 1 << 8)).map(|_| (next() % count as u64) as u32).collect();
    let plain = || {
        // A dependent step, so that the processor cannot run ahead by itself.
        order.iter().fold(0u64, |sum, &at| {
            black_box(sum.wrapping_add(values[at as usize + (sum >> 63) as usize]))
        })
    };
    let ahead = || {
        order.iter().enumerate().fold(0u64, |sum, (place, &at)| {
            if let Some(&later) = order.get(place + AHEAD) {
                prefetch::read_at(&values, later as usize);
            }
            black_box(sum.wrapping_add(values[at as usize + (sum >> 63) as usize]))
        })
    };
    let mut strategies: [Strategy<'_>; 2] =
        [("as it comes", Box::new(plain)), ("prefetch::read_at, 16 ahead", Box::new(ahead))];
    compare("a chain of loads from 64 MB", Work::Items(order.len() as u64), &mut strategies);
}
