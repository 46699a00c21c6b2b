//! What an import does before the store has it, for `--profile-memory`; see the store's stages.

use gauge_probe::Section;

/// Text is read, and decompressed.
pub(super) static READ: Section = Section::new("read");
/// Text becomes batches.
pub(super) static PARSE: Section = Section::new("parse");
