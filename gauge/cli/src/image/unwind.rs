//! Where control goes on once a panic was caught: the tables that the unwinder reads.
//!
//! Of each function, `.eh_frame` names a table of its calls (in `.gcc_except_table`): for each range of
//! code where it goes on when something unwinds out of it, and what is done there. Most such places clean up
//! and unwind on; those that catch lead back into ordinary code.

use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};
use gimli::{
    BaseAddresses, CieOrFde, EhFrame, EndianSlice, LittleEndian, Pointer, Reader, UnwindSection,
};

use super::Image;

/// Actions of one call, one behind the other.
const MAX_ACTIONS: usize = 64;

type Bytes<'a> = EndianSlice<'a, LittleEndian>;

/// A range of calls, and where what they throw is caught; none where the table cannot be read.
pub(super) type Catch = (Range<u64>, Option<u64>);

/// Where a call goes on once what it called unwound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caught {
    /// It is caught, and goes on here.
    At(u64),
    /// The tables cannot be read.
    Unknown,
}

impl Image {
    /// Where control goes on when something unwinds out of the call at an address, if it is caught there; what
    /// only cleans up is left out.
    pub fn caught(&self, call: u64) -> Option<Caught> {
        let catches = self.catches.get_or_init(|| self.read_catches());
        let found = catches.iter().find(|(range, _)| range.contains(&call))?;
        Some(found.1.map_or(Caught::Unknown, Caught::At))
    }

    fn read_catches(&self) -> Vec<Catch> {
        let mut found = Vec::new();
        if self.read_frames(&mut found).is_err() {
            found.push((0..u64::MAX, None));
        }
        found
    }

    fn read_frames(&self, found: &mut Vec<Catch>) -> Result<()> {
        let named = |name: &str| self.sections().iter().find(|section| section.name == name);
        let Some(section) = named(".eh_frame") else { return Ok(()) };
        let bytes = self.bytes(section.address, section.size).context("not in the file")?;
        let mut frames = EhFrame::new(bytes, LittleEndian);
        frames.set_address_size(8);
        let text = named(".text").map_or(0, |text| text.address);
        let bases = BaseAddresses::default().set_eh_frame(section.address).set_text(text);
        let mut entries = frames.entries(&bases);
        while let Some(entry) = entries.next()? {
            let CieOrFde::Fde(partial) = entry else { continue };
            let frame = partial.parse(|frames, bases, at| frames.cie_from_offset(bases, at))?;
            let start = frame.initial_address();
            let range = start..plus(start, frame.len())?;
            let table = match frame.lsda() {
                None => continue,
                // A relative pointer of zero is none, and looks as if it led to itself.
                Some(Pointer::Direct(at)) if self.is_in(at, ".eh_frame") => continue,
                Some(Pointer::Direct(at)) => self.call_sites(at, start),
                Some(Pointer::Indirect(_)) => Err(anyhow::anyhow!("behind a pointer")),
            };
            match table {
                Ok(sites) => found.extend(sites),
                Err(_) => found.push((range, None)),
            }
        }
        Ok(())
    }

    fn is_in(&self, address: u64, section: &str) -> bool {
        self.section_around(address).is_some_and(|around| around.name == section)
    }

    /// The calls of a function that begins at `start` whose table stands at `address`: those that are caught.
    fn call_sites(&self, address: u64, start: u64) -> Result<Vec<Catch>> {
        let section = self.section_around(address).context("no section")?;
        let rest = section.address + section.size - address;
        let bytes = self.bytes(address, rest).context("not in the file")?;
        let mut reader = EndianSlice::new(bytes, LittleEndian);
        // Pads count from the function's start unless the table says otherwise.
        ensure!(reader.read_u8()? == gimli::DW_EH_PE_omit.0, "pads of another function");
        if reader.read_u8()? != gimli::DW_EH_PE_omit.0 {
            reader.read_uleb128()?;
        }
        let encoding = reader.read_u8()?;
        let length = usize::try_from(reader.read_uleb128()?)?;
        let mut sites = reader.split(length)?;
        let actions = reader;
        let mut found = Vec::new();
        while !sites.is_empty() {
            let from = plus(start, number(&mut sites, encoding)?)?;
            let to = plus(from, number(&mut sites, encoding)?)?;
            let pad = number(&mut sites, encoding)?;
            let action = sites.read_uleb128()?;
            if pad != 0 && action != 0 && catches(actions, action - 1)? {
                found.push((from..to, Some(plus(start, pad)?)));
            }
        }
        Ok(found)
    }
}

/// An address behind another one.
fn plus(address: u64, bytes: u64) -> Result<u64> {
    address.checked_add(bytes).context("behind the last address")
}

/// Whether one of the actions from `at` on catches: its filter is the number of a type.
fn catches(actions: Bytes<'_>, at: u64) -> Result<bool> {
    let mut at = i64::try_from(at)?;
    for _ in 0..MAX_ACTIONS {
        let mut reader = actions;
        reader.skip(usize::try_from(at)?)?;
        if reader.read_sleb128()? > 0 {
            return Ok(true);
        }
        // The next one counts from where its distance stands.
        let here = actions.len() - reader.len();
        let next = reader.read_sleb128()?;
        if next == 0 {
            return Ok(false);
        }
        at = i64::try_from(here)? + next;
    }
    bail!("actions without an end")
}

fn number(reader: &mut Bytes<'_>, encoding: u8) -> Result<u64> {
    Ok(match gimli::DwEhPe(encoding) {
        gimli::DW_EH_PE_uleb128 => reader.read_uleb128()?,
        gimli::DW_EH_PE_udata2 => u64::from(reader.read_u16()?),
        gimli::DW_EH_PE_udata4 => u64::from(reader.read_u32()?),
        gimli::DW_EH_PE_udata8 => reader.read_u64()?,
        _ => bail!("an encoding that is not known"),
    })
}
