//! What `cargo gauge profile` is tested on: work in known proportions. Compiled by the test.

use std::hint::black_box;

/// A chain of multiplications: each waits for the one before, so that the time is proportional to `rounds`.
macro_rules! work {
    ($name:ident, $times:expr) => {
        #[inline(never)]
        fn $name(rounds: u64) -> u64 {
            let mut x = black_box(3u64);
            for _ in 0..rounds * $times {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                x = black_box(x);
            }
            x
        }
    };
}

work!(three_parts, 3);
work!(one_part, 1);
work!(in_threads, 1);

/// Three to one, in small turns.
#[inline(never)]
fn both(rounds: u64) -> u64 {
    let turn = |_| three_parts(black_box(1000)) ^ one_part(black_box(1000));
    (0..rounds / 1000).map(turn).fold(0, |sum, x| sum ^ x)
}

/// Something to be inlined into its caller, with a line of its own.
#[inline(always)]
fn inlined(x: u64) -> u64 {
    black_box(x).wrapping_mul(6_364_136_223_846_793_005)
}

#[inline(never)]
fn has_inlined(rounds: u64) -> u64 {
    (0..rounds).fold(3, |x, _| inlined(x))
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let rounds: u64 = words.get(1).map_or(0, |word| word.parse().unwrap());
    match words.first().map(String::as_str) {
        Some("both") => { black_box(both(rounds)); },
        Some("inlined") => { black_box(has_inlined(rounds)); },
        Some("threads") => std::thread::scope(|scope| {
            for (name, times) in [("first", 3), ("second", 1)] {
                let work = move || { black_box(in_threads(rounds * times)); };
                std::thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, work).unwrap();
            }
        }),
        Some("child") => {
            let program = std::env::current_exe().unwrap();
            let mut child = std::process::Command::new(program);
            child.args(["inlined", &words[1]]).spawn().unwrap().wait().unwrap();
            black_box(both(rounds));
        }
        Some("fail") => {
            black_box(both(rounds));
            std::process::exit(3);
        }
        _ => {}
    }
    println!("the program's own output");
}
