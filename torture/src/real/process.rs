//! Starting a victim, and what became of it.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::victim::Victim;

/// What a victim said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) said: String,
    pub(crate) complained: String,
    pub(crate) status: ExitStatus,
}

impl Ended {
    /// How it ended if it should not have: by a panic, or a signal that was not ours.
    pub(crate) fn problem(&self, may_be_killed: bool) -> Option<String> {
        let is_fine = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => code == 0 || code == i32::from(super::victim::UNOPENED),
            (None, signal) => may_be_killed && signal == Some(9),
        };
        // The oracle in the victim may panic where the disk fails under it.
        (!is_fine).then(|| format!("it ended with {}: {}", self.status, self.complained.trim()))
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }
}

pub(crate) fn this_program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// The command that runs a victim, to be started as it is or under another.
pub(crate) fn command(victim: &Victim) -> std::io::Result<Command> {
    let mut command = Command::new(this_program()?);
    command.args(victim.arguments());
    Ok(piped(command))
}

/// Both outputs come to us.
pub(crate) fn piped(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A victim that lives longer hangs.
const MAX_LIFE: Duration = Duration::from_secs(60);

/// Reads until so many lines were said, or the victim has ended; also says whether it took too
/// long for one that does not hang.
pub(crate) fn read_lines(child: &mut Child, count: usize) -> anyhow::Result<(Vec<u8>, bool)> {
    let (mut said, start, mut lines) = (Vec::new(), Instant::now(), 0);
    let Some(stdout) = &mut child.stdout else { return Ok((said, false)) };
    let mut bytes = [0; 4096];
    while lines < count {
        let left = Timespec::try_from(MAX_LIFE.saturating_sub(start.elapsed()))?;
        if poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&left))? == 0 {
            return Ok((said, true));
        }
        let read = stdout.read(&mut bytes)?;
        if read == 0 {
            break;
        }
        lines += bytes[..read].iter().filter(|byte| **byte == b'\n').count();
        said.extend_from_slice(&bytes[..read]);
    }
    Ok((said, false))
}

/// Reads what is left to be read of a victim that ends, or was killed.
pub(crate) fn finish(mut child: Child, mut said: Vec<u8>) -> std::io::Result<Ended> {
    let mut complained = Vec::new();
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_end(&mut said)?;
    }
    if let Some(stderr) = &mut child.stderr {
        stderr.read_to_end(&mut complained)?;
    }
    let status = child.wait()?;
    // A line that was cut off is none.
    let end = said.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    said.truncate(end);
    Ok(Ended {
        said: String::from_utf8_lossy(&said).into_owned(),
        complained: String::from_utf8_lossy(&complained).into_owned(),
        status,
    })
}
