//! The `tidemill` command: glue between a terminal and the library.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod inputs;
mod memory;
mod outcome;
mod output;
mod progress;
mod render;
mod session;
mod sql;
mod stop;
mod stores;

fn main() -> std::process::ExitCode {
    memory::offer();
    outcome::exit_code(commands::run(<args::Args as clap::Parser>::parse()))
}
