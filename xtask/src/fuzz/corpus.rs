//! The inputs of a target: those kept in the repository, packed in one file, and those that a
//! machine's campaigns have grown.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::build::Target;
use super::{Places, SQL};

/// A target's file in the repository at most.
const MAX_KEPT_BYTES: usize = 60_000;

fn packed_path(places: &Places, target: &Target) -> PathBuf {
    places.fuzz.join("corpus").join(format!("{}.units", target.name))
}

/// The folders of a target's inputs: that which grows, and that of the kept ones, made anew.
pub(super) fn folders(places: &Places, target: &Target) -> Result<(PathBuf, PathBuf)> {
    let grown = places.work.join("corpus").join(&target.name);
    let kept = places.work.join("kept").join(&target.name);
    std::fs::create_dir_all(&grown)?;
    remake(&kept)?;
    let packed = std::fs::read(packed_path(places, target)).unwrap_or_default();
    for (index, unit) in unpack(&packed).into_iter().enumerate() {
        std::fs::write(kept.join(format!("{index:05}")), unit)?;
    }
    Ok((grown, kept))
}

/// Keeps the fewest inputs that reach all that is reached, small ones first.
pub(super) fn keep(places: &Places, target: &Target, binary: &Path) -> Result<()> {
    let (grown, kept) = folders(places, target)?;
    let mut units = Vec::new();
    if target.name == SQL {
        // Each of them got an answer of a kind of its own.
        [kept, grown].iter().try_for_each(|folder| read(folder, &mut units))?;
        return write(places, target, units);
    }
    let merged = places.work.join("merged").join(&target.name);
    remake(&merged)?;
    let mut command = Command::new(binary);
    command.arg("-set_cover_merge=1").arg(format!("-max_len={}", target.max_len));
    command.args([&merged, &kept, &grown]).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().context("could not start the target")?;
    ensure!(status.success(), "{}: merging the corpus failed", target.name);
    read(&merged, &mut units)?;
    write(places, target, units)
}

fn read(folder: &Path, units: &mut Vec<Vec<u8>>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        units.push(std::fs::read(entry?.path())?);
    }
    Ok(())
}

fn write(places: &Places, target: &Target, mut units: Vec<Vec<u8>>) -> Result<()> {
    units.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    units.dedup();
    let mut bytes = 0;
    let few = units.iter().take_while(|unit| {
        bytes += unit.len() + 2;
        bytes <= MAX_KEPT_BYTES
    });
    std::fs::create_dir_all(places.fuzz.join("corpus"))?;
    std::fs::write(packed_path(places, target), pack(few.map(Vec::as_slice)))?;
    Ok(())
}

fn remake(folder: &Path) -> Result<()> {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}

/// `(length u16 little-endian, bytes)*`, as the harness unpacks it.
pub(super) fn pack<'a>(units: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut packed = Vec::new();
    for unit in units {
        if let Ok(length) = u16::try_from(unit.len()) {
            packed.extend_from_slice(&length.to_le_bytes());
            packed.extend_from_slice(unit);
        }
    }
    packed
}

pub(super) fn unpack(mut packed: &[u8]) -> Vec<&[u8]> {
    let mut units = Vec::new();
    while let Some((length, rest)) = packed.split_first_chunk() {
        let Some((unit, rest)) = rest.split_at_checked(u16::from_le_bytes(*length).into()) else {
            break;
        };
        units.push(unit);
        packed = rest;
    }
    units
}
