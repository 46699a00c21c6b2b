//! More than one process on one store.

use std::io::Read;
use std::path::Path;
use std::process::Child;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tidemill_store::{ErrorKind, Options, Store};

use super::{Checked, Outcome, compare, live, random_victim, text};
use crate::common::{Model, Rows, dump};
use crate::real::allowed::Allowed;
use crate::real::inspect::Way;
use crate::real::process::{command, finish};
use crate::real::victim::Victim;
use crate::real::workload::Call;

/// The second is refused, and does no harm.
pub(super) fn two_writers(dir: &Path, _is_quick: bool) -> Checked {
    let mut victim = random_victim(&dir.join("store"), 1, 20);
    let mut allowed = Allowed::new(victim.plan().0.duplicates);
    live(&victim, &mut allowed)?;
    let store = Store::open(&victim.dir, victim.plan().0.options()).map_err(text)?;
    victim.seed += 1;
    let (ended, progress) = live(&victim, &mut allowed)?;
    let said = &ended.said;
    let is_clear = said.contains("Locked") && said.contains("another process writes");
    if progress.done > 0 || !is_clear {
        return Err(format!("the second was not refused clearly: {said}"));
    }
    allowed.compare(&dump(&store.snapshot()))?;
    store.close().map_err(text)?;
    let (ended, progress) = live(&victim, &mut allowed)?;
    if progress.failed > 0 {
        return Err(format!("after the first had closed a call failed: {}", ended.said));
    }
    compare(&victim, Way::Write, &mut allowed)?;
    Ok(Outcome::Fine("the second is refused while the first has it open, and no longer".to_owned()))
}

/// What a reader found, and how far the writer had come before and after it looked.
struct Look {
    done_before: usize,
    begun_after: usize,
    rows: Rows,
}

/// A reader sees whole calls, all that were acknowledged, and none that had not begun.
pub(super) fn reader_beside_writer(dir: &Path, is_quick: bool) -> Checked {
    let (mut looks, mut different, mut busy, mut writers) = (0, 0, 0, 0);
    let wanted = if is_quick { 2 } else { 60 };
    for seed in 1.. {
        let victim = random_victim(&dir.join(format!("store-{seed}")), seed, 30);
        let (profile, calls) = victim.plan();
        // Parts of such a call are acknowledged one by one.
        if calls.iter().any(|call| matches!(call, Call::Concurrent(_))) {
            continue;
        }
        let (seen, refused) = watch(&victim, &profile.options()).map_err(text)?;
        let mut states = vec![Model::new(profile.duplicates)];
        for call in &calls {
            let mut after = states[states.len() - 1].clone();
            call.apply(&mut after);
            states.push(after);
        }
        let mut last = None;
        for look in seen {
            // A call that was begun may be seen; closing, the last, changes nothing.
            let begun = look.begun_after.min(calls.len());
            let possible = look.done_before.min(begun)..=begun;
            let found = possible.clone().find(|state| states[*state].rows == look.rows);
            if found.is_none() {
                let any = states.iter().position(|state| state.rows == look.rows);
                return Err(format!(
                    "seed {seed}: {} rows are the state after none of the calls {possible:?} \
                     (but after {any:?})",
                    look.rows.len()
                ));
            }
            different += usize::from(last.replace(look.rows.len()) != Some(look.rows.len()));
            looks += 1;
        }
        busy += refused;
        writers += 1;
        std::fs::remove_dir_all(&victim.dir).map_err(text)?;
        if writers == wanted {
            break;
        }
    }
    if different < wanted {
        return Err(format!("only {different} different states seen: the check checks nothing"));
    }
    Ok(Outcome::Fine(format!(
        "{looks} looks at {writers} writers at work saw whole states, {different} times another \
         than before; {busy} looks were told to try again"
    )))
}

/// Looks again and again while a victim works.
fn watch(victim: &Victim, options: &Options) -> anyhow::Result<(Vec<Look>, u64)> {
    let mut child = command(victim)?.spawn()?;
    let (mut looks, mut refused, mut said, mut has_ended) = (Vec::new(), 0, Vec::new(), false);
    while !has_ended {
        has_ended = hear(&mut child, &mut said)?;
        let done_before = count(&said, "done");
        match Store::open(&victim.dir, Options { read_only: true, ..options.clone() }) {
            Ok(store) => {
                let rows = dump(&store.snapshot());
                has_ended = hear(&mut child, &mut said)?;
                looks.push(Look { done_before, begun_after: count(&said, "begin"), rows });
            }
            Err(error) if error.kind() == ErrorKind::Locked => refused += 1,
            Err(error) if error.kind() == ErrorKind::NotFound && done_before == 0 => {}
            Err(error) => anyhow::bail!("a reader was refused: {error}"),
        }
    }
    let ended = finish(child, Vec::new())?;
    if let Some(problem) = ended.problem(false) {
        anyhow::bail!("the writer: {problem}");
    }
    Ok((looks, refused))
}

/// Reads what was said so far, without waiting; `true`: that was all.
fn hear(child: &mut Child, said: &mut Vec<u8>) -> anyhow::Result<bool> {
    let Some(stdout) = &mut child.stdout else { return Ok(true) };
    let mut bytes = [0; 4096];
    while poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&Timespec::default()))? > 0 {
        let read = stdout.read(&mut bytes)?;
        if read == 0 {
            return Ok(true);
        }
        said.extend_from_slice(&bytes[..read]);
    }
    Ok(false)
}

fn count(said: &[u8], word: &str) -> usize {
    let said = String::from_utf8_lossy(said);
    said.lines().filter(|line| line.starts_with(word)).count()
}
