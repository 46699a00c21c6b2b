//! One command a file.

mod analyze;
mod check;
mod compact;
mod delete;
mod export;
mod generate;
mod import;
mod inspect;
mod parse;
mod query;
mod record;
mod retention;
mod shell;

use crate::args::{Args, Command};
use crate::outcome::Outcome;

/// Runs the command.
///
/// # Errors
/// What kept it from being done; what was merely refused is an [`Outcome`].
pub(crate) fn run(args: Args) -> anyhow::Result<Outcome> {
    match args.command {
        Command::Analyze(args) => analyze::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Query(args) => query::run(&args),
        Command::Shell(args) => shell::run(&args),
        Command::Parse(args) => parse::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Compact(args) => compact::run(&args),
        Command::Delete(args) => delete::run(&args),
        Command::Retention(args) => retention::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Record(args) => record::run(&args),
    }
}
