//! The definition file of a table, `table-NNNNNN.def`: its schema and series, append-only.
//!
//! ```text
//! file  := magic "TIDEMDEF", version u32 = 1, table u32, frame*
//! frame := length u32, crc32c u32 of the addition, addition (see `definition.rs`)
//! ```
//!
//! The manifest says how many bytes count; what stands after them was never committed and is
//! written over.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::bytes::{Cursor, Malformed, Put};
use crate::definition::{Definition, Mark};
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};
use crate::manifest::definition_path;

const MAGIC: &[u8; 8] = b"TIDEMDEF";
const VERSION: u32 = 1;
const HEADER_BYTES: u64 = 16;
const FRAME_HEADER_BYTES: usize = 8;

/// The durable part of a table's definition.
#[derive(Debug)]
pub(crate) struct DefinitionFile {
    path: PathBuf,
    table: u32,
    file: Option<Arc<dyn DiskFile>>,
    /// Bytes the manifest counts.
    pub(crate) committed_bytes: u64,
    /// What of the definition those bytes hold.
    committed: Mark,
}

/// An addition that is on the disk and waits for the manifest to count it.
#[derive(Debug)]
pub(crate) struct Appended {
    pub(crate) bytes: u64,
    mark: Mark,
}

impl DefinitionFile {
    pub(crate) fn new(dir: &Path, table: u32) -> Self {
        let path = definition_path(dir, table);
        Self { path, table, file: None, committed_bytes: 0, committed: Mark::default() }
    }

    /// Reads the definition in the first `committed_bytes`.
    pub(crate) fn read(
        disk: &dyn Disk,
        dir: &Path,
        table: u32,
        committed_bytes: u64,
    ) -> Result<(Self, Definition)> {
        let mut this = Self { committed_bytes, ..Self::new(dir, table) };
        let path = &this.path;
        let file =
            disk.open(path, false).map_err(|e| Error::io(path, "open a table's definition", e))?;
        let length = file.len().map_err(|e| Error::io(path, "measure a table's definition", e))?;
        if length < committed_bytes {
            let message = format!("{length} bytes where the manifest counts {committed_bytes}");
            return Err(Error::corrupt(path, length, message));
        }
        let mut bytes = vec![0; committed_bytes as usize];
        let read = file.read_exact_at(&mut bytes, 0);
        read.map_err(|e| Error::io(path, "read a table's definition", e))?;
        let definition =
            decode(&bytes, table).map_err(|m| Error::corrupt(path, m.at as u64, m.what))?;
        this.committed = definition.mark();
        Ok((this, definition))
    }

    /// Writes what was added since the last commit behind it, durably. `None`: nothing was.
    pub(crate) fn append(
        &mut self,
        disk: &dyn Disk,
        definition: &Definition,
    ) -> Result<Option<Appended>> {
        let mark = definition.mark();
        if mark == self.committed && self.committed_bytes > 0 {
            return Ok(None);
        }
        let path = &self.path;
        let start = self.committed_bytes;
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let opened = if start == 0 { disk.create(path) } else { disk.open(path, true) };
                opened.map_err(|e| Error::io(path, "open a table's definition", e))?
            }
        };
        let written = self.write_addition(&*file, definition);
        let bytes = written.map_err(|e| Error::io(path, "write a table's definition", e))?;
        self.file = Some(file);
        Ok(Some(Appended { bytes, mark }))
    }

    /// Writes what was added behind what is committed, part by part, and the frame's header when its length and checksum
    /// are known; returns where it ends.
    fn write_addition(&self, file: &dyn DiskFile, definition: &Definition) -> io::Result<u64> {
        let mut header = Vec::new();
        if self.committed_bytes == 0 {
            header.put(MAGIC);
            header.put_u32(VERSION);
            header.put_u32(self.table);
            file.write_all_at(&header, 0)?;
            header.clear();
        }
        let frame = self.committed_bytes.max(HEADER_BYTES);
        let start = frame + FRAME_HEADER_BYTES as u64;
        let (mut end, mut crc) = (start, 0);
        definition.encode_parts(&self.committed, &mut Vec::new(), |part| {
            file.write_all_at(part, end)?;
            crc = crc32c::crc32c_append(crc, part);
            end += part.len() as u64;
            part.clear();
            io::Result::Ok(())
        })?;
        let Ok(length) = u32::try_from(end - start) else {
            return Err(io::Error::other("an addition of 4 GiB or more"));
        };
        header.put_u32(length);
        header.put_u32(crc);
        file.write_all_at(&header, frame)?;
        file.sync()?;
        Ok(end)
    }

    /// The manifest counts the addition now.
    pub(crate) fn committed(&mut self, appended: Appended) {
        self.committed_bytes = appended.bytes;
        self.committed = appended.mark;
    }
}

/// What the bytes of a definition file say, as far as they go.
#[derive(Debug, Default)]
pub(crate) struct ReadDefinition {
    pub(crate) definition: Definition,
    /// Where its last addition starts.
    pub(crate) before_last: Mark,
    /// Its additions.
    pub(crate) frames: u64,
    /// What is wrong with the header; the additions may be whole.
    pub(crate) header: Option<Malformed>,
    /// Whether the header is that of another table.
    pub(crate) is_of_other: bool,
    /// What is wrong behind the last good addition.
    pub(crate) problem: Option<Malformed>,
}

impl ReadDefinition {
    /// Reads as many additions as are whole.
    pub(crate) fn read(bytes: &[u8], table: u32) -> Self {
        let mut this = Self::default();
        let mut cursor = Cursor::new(bytes);
        this.header = check_header(&mut cursor, table).err();
        this.is_of_other = bytes.get(12..16).is_some_and(|id| id != table.to_le_bytes());
        let mut cursor = Cursor::new(bytes);
        this.problem = match cursor.take(HEADER_BYTES as usize) {
            Ok(_) => this.read_frames(&mut cursor).err(),
            Err(malformed) => Some(malformed),
        };
        this
    }

    fn read_frames(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        while cursor.remaining() > 0 {
            let (length, crc) = (cursor.u32()?, cursor.u32()?);
            let at = cursor.position();
            let addition = cursor.take(length as usize)?;
            if crc32c::crc32c(addition) != crc {
                return Err(Malformed { at, what: "the checksum does not match".into() });
            }
            let mark = self.definition.mark();
            let mut inner = Cursor::new(addition);
            let applied = self.definition.apply(&mut inner).and_then(|()| inner.end());
            if let Err(malformed) = applied {
                self.definition.truncate(&mark);
                return Err(Malformed { at: at + malformed.at, what: malformed.what });
            }
            self.before_last = mark;
            self.frames += 1;
        }
        Ok(())
    }
}

fn check_header(cursor: &mut Cursor<'_>, table: u32) -> Result<(), Malformed> {
    if cursor.take(8)? != MAGIC {
        return Err(Malformed { at: 0, what: "not a table's definition".into() });
    }
    let (version, id) = (cursor.u32()?, cursor.u32()?);
    if (version, id) != (VERSION, table) {
        return cursor.fail(format!("version {version}, table {id} where 1, {table} are expected"));
    }
    Ok(())
}

fn decode(bytes: &[u8], table: u32) -> Result<Definition, Malformed> {
    let read = ReadDefinition::read(bytes, table);
    match read.header.or(read.problem) {
        None => Ok(read.definition),
        Some(malformed) => Err(malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header that was never written has the checksum of nothing.
    #[test]
    fn a_frame_of_zeros_is_no_addition() {
        let mut bytes = Vec::new();
        bytes.put(MAGIC);
        bytes.put_u32(VERSION);
        bytes.put_u32(7);
        assert!(ReadDefinition::read(&bytes, 7).problem.is_none());
        bytes.put_u64(0);
        for behind in [&[][..], &[0; 40]] {
            let read = ReadDefinition::read(&[&bytes, behind].concat(), 7);
            assert!(read.problem.is_some() && read.frames == 0 && read.header.is_none());
        }
    }
}
