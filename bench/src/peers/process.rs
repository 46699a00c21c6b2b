//! A peer: an engine in a Python process, or a server that one asks; itself asked over pipes.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::answer::Answer;
use super::ours::{Asked, Told};
use super::spec::Query;
use crate::ingest::files::Input;
use crate::python::{Installed, Kind, Process, text};

/// A running peer; it ends with this.
pub struct Peer {
    /// What it is.
    pub kind: &'static Kind,
    /// Version and settings.
    pub about: String,
    process: Process,
    kept: PathBuf,
}

impl Peer {
    /// Starts a peer and has it load tables (`Workload::to_json`), or a server the lines that they are of; it may use
    /// so many threads, and keeps its data in `folder`.
    ///
    /// # Errors
    /// When it does not start or cannot load.
    pub fn start(
        kind: &'static Kind,
        installed: &Installed,
        (tables, lines): (&Value, &Input),
        (folder, threads): (&Path, usize),
    ) -> Result<Self> {
        let process = Process::start(kind, kind.file, installed, threads)?;
        let (program, version) = installed.program(kind)?.unzip();
        let folder = folder.canonicalize()?;
        let kept = folder.join(format!("{}.arrow", kind.name));
        let mut peer = Self { kind, about: String::new(), process, kept };
        let load = json!({
            "tables": tables, "lp": lines.path.canonicalize()?, "first": lines.span.0, "last": lines.span.1,
            "threads": threads, "folder": folder, "program": program, "version": version,
        });
        let ready = peer.process.send(&json!({ "load": load }))?;
        peer.about = format!("{} ({})", text(&ready, "version")?, text(&ready, "settings")?);
        Ok(peer)
    }

    /// Asks a query, and maybe another one in the same turn; the clock is the peer's. None: there is no way to ask it.
    ///
    /// # Errors
    /// When it fails.
    pub fn ask(&mut self, asked: Asked<'_>, is_kept: bool) -> Result<Option<Told>> {
        let Asked { query, again } = asked;
        let keep = if is_kept { json!(self.kept) } else { Value::Null };
        let again = again.map_or(Value::Null, Query::to_json);
        let ask = json!({ "ask": query.to_json(), "again": again, "keep": keep });
        let told = self.process.send(&ask)?;
        let Some(ms) = told["ms"].as_f64() else { return Ok(None) };
        let answer = is_kept.then(|| Answer::open(&self.kept, &query.columns)).transpose()?;
        let again = told["again"].as_f64();
        Ok(Some(Told { ms, again, answer, form: text(&told, "form")?.to_owned() }))
    }

    /// Whether it answers whole buckets of time alone.
    #[must_use]
    pub fn has_whole_buckets(&self) -> bool {
        self.kind.has_whole_buckets
    }
}
