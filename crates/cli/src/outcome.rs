//! How a command ends: exit codes and messages.

use std::io::{self, Write};
use std::process::ExitCode;

/// How a command that ran to its end went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it was done.
    Done,
    /// It was done but for what was refused, which was said.
    Refused,
}

/// The command was used wrongly: exit code 2, as clap's own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongUsage(pub(crate) String);

impl std::fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}

/// An error of wrong usage.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    WrongUsage(message.into()).into()
}

/// Says what went wrong and turns it into the exit code: 0 done, 1 failed or refused, 2 wrong
/// usage. Who closed our standard output has seen enough: no error.
pub(crate) fn exit_code(result: anyhow::Result<Outcome>) -> ExitCode {
    let error = match result {
        Ok(Outcome::Done) => return ExitCode::SUCCESS,
        Ok(Outcome::Refused) => return ExitCode::FAILURE,
        Err(error) => error,
    };
    if is_broken_pipe(&error) {
        return ExitCode::SUCCESS;
    }
    say(&message(&error));
    if is_wrong_usage(&error) { ExitCode::from(2) } else { ExitCode::FAILURE }
}

/// Writes `tidemill: message` to standard error.
pub(crate) fn say(message: &str) {
    // Who reads no errors cannot be told of this one.
    let _ = writeln!(io::stderr(), "tidemill: {message}");
}

/// The error and its causes, each said once: a library's message often holds its cause already.
pub(crate) fn message(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// The same, but that who reads what is `printed` is gone changes nothing of how the command went.
pub(crate) fn unless_closed(printed: anyhow::Result<()>) -> anyhow::Result<()> {
    printed.or_else(|error| if is_broken_pipe(&error) { Ok(()) } else { Err(error) })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io_kind = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().map(io::Error::kind)
    };
    error.chain().any(|cause| io_kind(cause) == Some(io::ErrorKind::BrokenPipe))
}

fn is_wrong_usage(error: &anyhow::Error) -> bool {
    error.is::<WrongUsage>()
        || error
            .downcast_ref::<tidemill::Error>()
            .is_some_and(|error| error.kind() == tidemill::ErrorKind::Usage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_cause_is_said_once() {
        let cause = || io::Error::other("disk full");
        let twice = Err::<(), _>(cause()).context("could not write: disk full").unwrap_err();
        assert_eq!(message(&twice), "could not write: disk full");
        let once = Err::<(), _>(cause()).context("could not write").unwrap_err();
        assert_eq!(message(&once), "could not write: disk full");
    }

    #[test]
    fn a_broken_pipe_is_found_below_other_errors() {
        let pipe = io::Error::from(io::ErrorKind::BrokenPipe);
        let error = Err::<(), _>(pipe).context("could not write").unwrap_err();
        assert!(is_broken_pipe(&error) && !is_wrong_usage(&error));
        assert!(is_wrong_usage(&usage("what?").context("x")) || is_wrong_usage(&usage("what?")));
    }
}
