//! The command: `cargo gauge …` when installed, or `cargo-gauge …` by itself.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Cargo calls `cargo-gauge gauge check` for `cargo gauge check`; an alias calls `cargo-gauge check`.
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == "gauge") {
        arguments.remove(1);
    }
    gauge::outcome::exit_code(gauge::commands::run(gauge::commands::Args::parse_from(arguments)))
}
