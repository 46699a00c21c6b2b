//! A peer: an engine in a Python process, or a server that one asks; itself asked over pipes.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::answer::Answer;
use super::ours::Told;
use super::spec::Query;
use crate::METRICS;
use crate::python::{Installed, Kind, Process, text};

/// The data, in the formats that peers read.
pub struct Data<'a> {
    /// Comma-separated.
    pub csv: &'a Path,
    /// Line protocol.
    pub lines: &'a Path,
    /// Where peers keep theirs.
    pub folder: &'a Path,
    /// The first and the last time, in nanoseconds since 1970.
    pub span: (i64, i64),
    /// Threads that a peer may use.
    pub threads: usize,
}

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
    /// Starts a peer and has it load a CSV file.
    ///
    /// # Errors
    /// When it does not start or cannot load.
    pub fn start(kind: &'static Kind, installed: &Installed, data: &Data<'_>) -> Result<Self> {
        let process = Process::start(kind, kind.file, installed, data.threads)?;
        let (program, version) = installed.program(kind)?.unzip();
        let folder = data.folder.canonicalize()?;
        let kept = folder.join(format!("{}.arrow", kind.name));
        let mut peer = Self { kind, about: String::new(), process, kept };
        let load = json!({
            "csv": data.csv.canonicalize()?, "lp": data.lines.canonicalize()?, "threads": data.threads,
            "fields": METRICS, "folder": folder, "first": data.span.0, "last": data.span.1,
            "program": program, "version": version,
        });
        let ready = peer.process.send(&json!({ "load": load }))?;
        peer.about = format!("{} ({})", text(&ready, "version")?, text(&ready, "settings")?);
        Ok(peer)
    }

    /// Asks a query; the clock is the peer's. None: there is no way to ask it.
    ///
    /// # Errors
    /// When it fails.
    pub fn ask(&mut self, query: &Query, is_kept: bool) -> Result<Option<Told>> {
        let keep = if is_kept { json!(self.kept) } else { Value::Null };
        let told = self.process.send(&json!({ "ask": query.to_json(), "keep": keep }))?;
        let Some(ms) = told["ms"].as_f64() else { return Ok(None) };
        let answer = is_kept.then(|| Answer::open(&self.kept, &query.columns)).transpose()?;
        Ok(Some(Told { ms, answer, form: text(&told, "form")?.to_owned() }))
    }

    /// Whether it answers whole buckets of time alone.
    #[must_use]
    pub fn has_whole_buckets(&self) -> bool {
        self.kind.has_whole_buckets
    }
}
