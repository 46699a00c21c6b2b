//! Which line of the sources an instruction comes from.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use addr2line::Context;
use anyhow::Result;
use gimli::{EndianSlice, LittleEndian};
use object::{Object, ObjectSection};

use crate::image::Image;

/// A line of a source file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Line {
    /// The file, as the compiler wrote it.
    pub file: String,
    /// From 1.
    pub number: u32,
}

/// The lines of an image's sources.
pub struct Sources<'a> {
    context: Context<EndianSlice<'a, LittleEndian>>,
    texts: HashMap<PathBuf, Option<Vec<String>>>,
    root: PathBuf,
}

impl<'a> Sources<'a> {
    /// The sources of an image; paths in it that are relative are so to `root`.
    ///
    /// # Errors
    /// When its debug information cannot be read. None of it is no error: nothing is found then.
    pub fn new(image: &'a Image, root: &Path) -> Result<Self> {
        let file = object::File::parse(image.file())?;
        let load = |id: gimli::SectionId| -> Result<EndianSlice<'a, LittleEndian>, gimli::Error> {
            let section = file.section_by_name(id.name());
            let data = section.and_then(|section| section.data().ok()).unwrap_or_default();
            Ok(EndianSlice::new(data, LittleEndian))
        };
        let dwarf = gimli::Dwarf::load(load)?;
        Ok(Self {
            context: Context::from_dwarf(dwarf)?,
            texts: HashMap::new(),
            root: root.to_owned(),
        })
    }

    /// The line that an instruction comes from: of the innermost inlined function whose file is here, or
    /// else of the innermost one.
    pub fn line(&mut self, address: u64) -> Option<Line> {
        let mut innermost = None;
        let mut frames = self.context.find_frames(address).skip_all_loads().ok()?;
        let mut lines = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            let Some(location) = frame.location else { continue };
            let (Some(file), Some(number)) = (location.file, location.line) else { continue };
            lines.push(Line { file: file.to_owned(), number });
        }
        for line in lines {
            if self.text(&line).is_some() {
                return Some(line);
            }
            innermost = innermost.or(Some(line));
        }
        innermost
    }

    /// What stands in that line, if its file is here.
    pub fn text(&mut self, line: &Line) -> Option<&str> {
        let path = self.root.join(&line.file);
        let read = |path: &PathBuf| {
            let bytes = std::fs::read(path).ok()?;
            let text = match String::from_utf8_lossy(&bytes) {
                Cow::Borrowed(text) => text.to_owned(),
                Cow::Owned(text) => text,
            };
            Some(text.lines().map(str::to_owned).collect())
        };
        let text = self.texts.entry(path.clone()).or_insert_with(|| read(&path));
        let index = usize::try_from(line.number).ok()?.checked_sub(1)?;
        text.as_ref()?.get(index).map(String::as_str)
    }
}
