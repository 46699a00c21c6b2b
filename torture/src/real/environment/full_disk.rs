//! A disk without room, and one that takes nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Checked, Outcome, Tmpfs, compare, live, random_victim, text};
use crate::real::allowed::Allowed;
use crate::real::inspect::Way;

/// Sizes tried, a page apart, from one page on…
const SIZES: u64 = 28;
/// …with so many workloads.
const WORKLOADS: u64 = 6;
const PAGE_KIB: u64 = 4;
const CALLS: usize = 40;

/// The disk is full at another point each time; then there is room again.
pub(super) fn full(dir: &Path, is_quick: bool) -> Checked {
    let (mut steps, mut hit, mut rows) = (0, 0, 0);
    for step in (0..SIZES * WORKLOADS).step_by(if is_quick { 25 } else { 1 }) {
        let (pages, workload) = (1 + step % SIZES, step / SIZES);
        let size = format!("size={}k", pages * PAGE_KIB);
        let disk = match Tmpfs::mount(&dir.join("mount"), &size) {
            Ok(disk) => disk,
            Err(why) => return Ok(Outcome::Skipped(format!("no small file system: {why}"))),
        };
        let store = disk.0.join("store");
        let mut victim = random_victim(&store, workload, CALLS);
        let mut allowed = Allowed::new(victim.plan().0.duplicates);
        let at = |what| format!("step {step}, {size}: {what}");
        // The second has to recover on a full disk.
        let mut failed = 0;
        for seed in [step, 1000 + step] {
            victim.seed = seed;
            let (ended, progress) = live(&victim, &mut allowed).map_err(at)?;
            let why = |line: &&str| line.starts_with("failed") || line.starts_with("unopened");
            let untold = ended.said.lines().filter(why).find(|line| !is_told(line));
            if let Some(line) = untold {
                return Err(at(format!("it said `{line}`, not that the disk is full")));
            }
            failed += progress.failed;
            rows += progress.rows;
            compare(&victim, Way::Read, &mut allowed).map_err(at)?;
        }
        disk.remount("size=64m")?;
        compare(&victim, Way::Write, &mut allowed).map_err(at)?;
        victim.seed = 2000 + step;
        let (ended, progress) = live(&victim, &mut allowed).map_err(at)?;
        if progress.failed > 0 || !progress.has_ended {
            return Err(at(format!("with room again a call failed: {}", ended.said)));
        }
        compare(&victim, Way::Read, &mut allowed).map_err(at)?;
        steps += 1;
        hit += u64::from(failed > 0);
    }
    if hit == 0 {
        return Err("no size was too small: the check checks nothing".to_owned());
    }
    Ok(Outcome::Fine(format!(
        "{hit} of {steps} disks were too small; {rows} rows acknowledged before and after are there"
    )))
}

/// The error itself, or that an earlier one forbids to go on.
fn is_told(line: &str) -> bool {
    line.contains("No space left") || line.contains("Poisoned") || line.contains("the bulk load")
}

/// Nothing can be written; all can be read.
pub(super) fn read_only(dir: &Path, _is_quick: bool) -> Checked {
    let disk = Tmpfs::mount(&dir.join("mount"), "size=64m");
    if disk.is_err() && rustix::process::geteuid().is_root() {
        return Ok(Outcome::Skipped("root may write anywhere, and can mount nothing here".into()));
    }
    let store = disk.as_ref().map_or(dir, |disk| &disk.0).join("store");
    let mut victim = random_victim(&store, 3, 20);
    let mut allowed = Allowed::new(victim.plan().0.duplicates);
    live(&victim, &mut allowed)?;
    let set = |is_writable: bool| match &disk {
        Ok(disk) => disk.remount(if is_writable { "rw" } else { "ro" }),
        Err(_) => {
            let mode = if is_writable { 0o755 } else { 0o555 };
            std::fs::set_permissions(&store, PermissionsExt::from_mode(mode)).map_err(text)
        }
    };
    set(false)?;
    victim.seed += 1;
    let said = live(&victim, &mut allowed);
    let read = compare(&victim, Way::Read, &mut allowed);
    set(true)?;
    let said = said?.0.said;
    let is_refused = said.contains("Read-only file system") || said.contains("ermission denied");
    if said.contains("done") || !is_refused {
        return Err(format!("a writer was not refused clearly: {said}"));
    }
    read.map_err(|what| format!("it cannot be read: {what}"))?;
    victim.seed += 1;
    let (ended, progress) = live(&victim, &mut allowed)?;
    if progress.failed > 0 {
        return Err(format!("writable again a call failed: {}", ended.said));
    }
    compare(&victim, Way::Write, &mut allowed)?;
    Ok(Outcome::Fine("a writer is refused, a reader reads; writable again it goes on".to_owned()))
}
