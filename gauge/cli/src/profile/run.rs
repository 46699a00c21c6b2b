//! A command under the kernel's clock, to its end.

use std::ffi::OsString;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use gauge_probe::perf::{Options, Refused, Sampler};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::{ClockId, clock_gettime};

use super::recording::{Recorder, Recording};

/// How long a record waits in its ring at most.
const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    /// What was seen.
    pub recording: Recording,
    /// Whether the kernel's own time was sampled.
    pub has_kernel: bool,
    /// When it began, nanoseconds of `CLOCK_MONOTONIC`.
    pub began_ns: u64,
    /// How long it took.
    pub elapsed_ns: u64,
    /// The processor time of the command and all its children that ended, if the kernel tells.
    pub cpu_seconds: Option<f64>,
    /// How the command ended, if not well.
    pub failure: Option<String>,
}

/// Runs a command to its end. `quiet`: what it prints goes to standard error.
///
/// # Errors
/// When it cannot be started or sampled.
pub fn run(command: &[OsString], options: &Options, quiet: bool) -> Result<Ran> {
    let Some((program, arguments)) = command.split_first() else { bail!("no command") };
    let mut command = Command::new(program);
    command.args(arguments);
    if quiet {
        command.stdout(Stdio::from(std::io::stderr()));
    }
    // An interrupt from the terminal ends the command; this one waits for it, and tells.
    let _ = ctrlc::set_handler(|| {});
    let name = program.to_string_lossy();
    let mut sampler = Sampler::open(options).map_err(|refused| explained(&refused, options))?;
    let cpu_before = children_seconds();
    let began_ns = now_ns();
    let mut child = command.spawn().with_context(|| format!("cannot run {name}"))?;
    let followed = follow(&mut sampler, &mut child);
    if followed.is_err() {
        // Nobody waits for it any more; it may have ended meanwhile.
        let _ = child.kill();
        let _ = child.wait();
    }
    let (recorder, status) = followed?;
    let elapsed_ns = now_ns() - began_ns;
    let cpu_seconds = children_seconds().zip(cpu_before).map(|(after, before)| after - before);
    Ok(Ran {
        recording: recorder.finish(),
        has_kernel: sampler.has_kernel(),
        began_ns,
        elapsed_ns,
        cpu_seconds,
        failure: (!status.success()).then(|| format!("{name} ended with {status}")),
    })
}

fn follow(sampler: &mut Sampler, child: &mut Child) -> Result<(Recorder, ExitStatus)> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let ended = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    let mut recorder = Recorder::default();
    loop {
        {
            let rings =
                sampler.descriptors().map(|ring| PollFd::from_borrowed_fd(ring, PollFlags::IN));
            let end = ended.iter().map(|end| PollFd::new(end, PollFlags::IN));
            let mut waiting: Vec<PollFd<'_>> = rings.chain(end).collect();
            match poll(&mut waiting, Some(&WAIT)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).context("poll"),
            }
        }
        let status = child.try_wait()?;
        // What was written before is in the rings now.
        let before_ns = now_ns();
        sampler.drain(|record| recorder.add(record))?;
        recorder.settle(before_ns);
        if let Some(status) = status {
            return Ok((recorder, status));
        }
    }
}

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// The processor time of this process's children that ended.
fn children_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may have spaces.
    let mut words = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let user: f64 = words.nth(13)?.parse().ok()?;
    let kernel: f64 = words.next()?.parse().ok()?;
    Some((user + kernel) / rustix::param::clock_ticks_per_second() as f64)
}

fn explained(refused: &Refused, options: &Options) -> anyhow::Error {
    let setting = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok();
        text.and_then(|text| text.trim().parse::<i64>().ok())
    };
    let advice = advice(refused, options.frequency, &setting);
    anyhow::anyhow!("{refused}: {advice}")
}

/// What to do.
fn advice(refused: &Refused, frequency: u32, setting: &dyn Fn(&str) -> Option<i64>) -> String {
    match refused {
        Refused::Permission(_) => match setting("perf_event_paranoid") {
            Some(level) if level > 2 => format!(
                "kernel.perf_event_paranoid is {level}. Allow it until the next start of the machine with `sudo sysctl \
                 kernel.perf_event_paranoid=2` (1: the kernel's functions too), or this program alone with \
                 `sudo setcap cap_perfmon+ep $(command -v cargo-gauge)`"
            ),
            Some(level) => format!(
                "kernel.perf_event_paranoid is {level}, which would let it: the filter of system calls of a container \
                 forbids perf_event_open. Start it with --cap-add=PERFMON, or with --security-opt seccomp=FILE where FILE \
                 allows perf_event_open"
            ),
            None => "this kernel was built without CONFIG_PERF_EVENTS".to_owned(),
        },
        Refused::Frequency(_) => {
            let most = setting("perf_event_max_sample_rate");
            let most = most.map_or("not known".to_owned(), |most| most.to_string());
            format!(
                "{frequency} a second were asked for, kernel.perf_event_max_sample_rate is {most}: a lower --frequency"
            )
        }
        Refused::Memory(_) => {
            "raise kernel.perf_event_mlock_kb (`sudo sysctl kernel.perf_event_mlock_kb=8192`) or \
                               the limit of locked memory (`ulimit -l`)"
                .to_owned()
        }
        Refused::Missing(_) => "it takes Linux with CONFIG_PERF_EVENTS".to_owned(),
        Refused::Other(_) => "see perf_event_open(2)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        let error = || std::io::Error::from_raw_os_error(13);
        let told = |refused: Refused, value| advice(&refused, 999_999, &|_| value);
        let text = told(Refused::Permission(error()), Some(3));
        assert!(
            text.contains("is 3") && text.contains("sysctl kernel.perf_event_paranoid=2"),
            "{text}"
        );
        let text = told(Refused::Permission(error()), Some(1));
        assert!(text.contains("seccomp") && !text.contains("sysctl "), "{text}");
        let text = told(Refused::Frequency(error()), Some(100_000));
        assert!(text.contains("999999") && text.contains("100000"), "{text}");
        assert!(told(Refused::Memory(error()), None).contains("ulimit -l"));
    }
}
