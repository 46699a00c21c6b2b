use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidemill_codec::Compression;
use tidemill_model::FieldType;

use super::block::EncodedBlock;
use super::footer::Footer;
use super::{FAST_VERSION, MAGIC, SMALL_VERSION};
use crate::bytes::Put;
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};
use crate::manifest::{SegmentEntry, segment_path};
use crate::stages;

/// Blocks are collected up to this many bytes before they are written.
const MAX_WRITE_BYTES: usize = 4 << 20;

/// Writes a segment block by block.
#[derive(Debug)]
pub(crate) struct SegmentWriter {
    path: PathBuf,
    file_number: u64,
    file: Arc<dyn DiskFile>,
    footer: Footer,
    buffer: Vec<u8>,
    written: u64,
}

impl SegmentWriter {
    /// Starts segment file `file_number`, for blocks that are encoded as `compression` says.
    pub(crate) fn create(
        disk: &dyn Disk,
        dir: &Path,
        file_number: u64,
        table: u32,
        sequence: u64,
        fields: Vec<(u32, FieldType)>,
        compression: Compression,
    ) -> Result<Self> {
        let path = segment_path(dir, file_number);
        let file = disk.create(&path).map_err(|e| Error::io(&path, "create a segment", e))?;
        let mut buffer = Vec::new();
        buffer.put(MAGIC);
        buffer.put_u32(match compression {
            Compression::Fast => FAST_VERSION,
            Compression::Small => SMALL_VERSION,
        });
        buffer.put_u32(table);
        let footer = Footer::new(table, sequence, fields);
        Ok(Self { path, file_number, file, footer, buffer, written: 0 })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds the next block.
    pub(crate) fn push(&mut self, block: &EncodedBlock) -> Result<()> {
        self.footer.push_block(block);
        self.buffer.put(&block.bytes);
        if self.buffer.len() >= MAX_WRITE_BYTES { self.write() } else { Ok(()) }
    }

    /// Writes the footer and makes the file durable. It belongs to the store once the manifest
    /// names it.
    pub(crate) fn finish(mut self) -> Result<SegmentEntry> {
        let _writing = stages::WRITE.enter();
        let start = self.buffer.len();
        self.footer.encode(&mut self.buffer);
        let footer = &self.buffer[start..];
        let (length, crc) = (footer.len() as u32, crc32c::crc32c(footer));
        self.buffer.put_u32(length);
        self.buffer.put_u32(crc);
        self.buffer.put(MAGIC);
        self.write()?;
        self.file.sync().map_err(|e| Error::io(&self.path, "sync a segment", e))?;
        Ok(SegmentEntry {
            file: self.file_number,
            table: self.footer.table,
            sequence: self.footer.sequence,
            rows: self.footer.rows() as u64,
            bytes: self.written,
            range: self.footer.range(),
        })
    }

    fn write(&mut self) -> Result<()> {
        let _writing = stages::WRITE.enter();
        let written = self.file.write_all_at(&self.buffer, self.written);
        written.map_err(|e| Error::io(&self.path, "write a segment", e))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimDisk;
    use tidemill_model::TimeRange;

    #[test]
    fn what_is_complete_does_not_wait_in_memory() {
        let disk = SimDisk::new(0);
        let (dir, fast) = (Path::new("/"), Compression::Fast);
        let mut writer = SegmentWriter::create(&disk, dir, 1, 0, 1, Vec::new(), fast).unwrap();
        let bytes = vec![0; MAX_WRITE_BYTES / 2];
        for block in 0..5 {
            let chunks = vec![(bytes.len() as u32, crc32c::crc32c(&bytes))];
            let runs = vec![(block, 1, TimeRange::new(0, 0))];
            writer.push(&EncodedBlock { rows: 1, runs, bytes: bytes.clone(), chunks }).unwrap();
            assert!(writer.buffer.len() < MAX_WRITE_BYTES);
        }
        let entry = writer.finish().unwrap();
        assert_eq!(disk.files()[&entry.path(Path::new("/"))].len() as u64, entry.bytes);
    }
}
