//! Peers that load: engines in Python read a CSV file themselves, servers are sent lines.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::clock::{cpu_seconds, machine_cpu_seconds, memory_bytes};
use super::files::Input;
use super::send::{Connection, Sending, Target, send};
use super::{Found, Load, number};
use crate::python::{Installed, Kind, Process, text};

/// The file of `bench/peers` that loads.
const FILE: &str = "ingest.py";

/// A server that runs; it ends with this, and its data goes.
pub struct Server {
    process: Process,
    pid: u32,
    /// Where one writes.
    pub target: Target,
    /// Version and settings.
    pub about: String,
}

/// Has an engine read a CSV file into a new database in `folder`; and its version and settings.
///
/// # Errors
/// When it fails.
pub fn load_csv(
    kind: &'static Kind,
    installed: &Installed,
    input: &Input,
    folder: &Path,
    threads: usize,
) -> Result<(Load, String)> {
    let mut process = Process::start(kind, FILE, installed, threads)?;
    let told = process.send(&json!({ "csv": {
        "file": input.path.canonicalize()?, "folder": folder.canonicalize()?, "threads": threads,
        "fields": crate::METRICS, "checks": input.fields,
    } }))?;
    Ok((Load::read(&told)?, about(&told)?))
}

/// Sends lines to a new server of its own; and its version and settings.
///
/// # Errors
/// When it fails.
pub fn load_lines(
    kind: &'static Kind,
    installed: &Installed,
    input: &Input,
    folder: &Path,
    sending: Sending,
) -> Result<(Load, String)> {
    let mut server = Server::start(kind, installed, folder)?;
    let (start, machine, cpu) = (Instant::now(), machine_cpu_seconds()?, server.cpu()?);
    let times = send(&input.path, sending, || {
        let mut connection = Connection::open(&server.target)?;
        Ok(move |piece: &[u8]| connection.post(piece))
    })?;
    server.flush()?;
    let seconds = start.elapsed().as_secs_f64();
    let after = server.cpu()?;
    let machine = machine_cpu_seconds()? - machine;
    let peak_bytes = memory_bytes(server.pid, "VmHWM")?;
    let found = server.found(json!(input.fields), input.span)?;
    let load = Load {
        seconds,
        client: after.0 - cpu.0,
        cpu: after.1 - cpu.1,
        machine,
        peak_bytes,
        stored_bytes: f64::NAN,
        values: 0,
        late: 0,
        times,
        found,
    };
    Ok((load, server.about.clone()))
}

impl Server {
    /// Starts one, empty, with its data below `folder`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(kind: &'static Kind, installed: &Installed, folder: &Path) -> Result<Self> {
        let mut process = Process::start(kind, FILE, installed, 1)?;
        let (program, version) = installed.program(kind)?.context("it is no server")?;
        let told = process.send(&json!({ "start": {
            "program": program, "version": version, "folder": folder.canonicalize()?,
        } }))?;
        let port = number(&told, "port")? as u16;
        let target = Target { port, path: text(&told, "path")?.to_owned() };
        Ok(Self { process, pid: number(&told, "pid")? as u32, target, about: about(&told)? })
    }

    /// Until all that was sent shows in queries.
    ///
    /// # Errors
    /// When it fails.
    pub fn flush(&mut self) -> Result<()> {
        self.process.send(&json!({ "flush": {} })).map(|_| ())
    }

    /// Processor seconds of this process, which is the client, and of the server.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu(&self) -> Result<(f64, f64)> {
        Ok((cpu_seconds(std::process::id())?, cpu_seconds(self.pid)?))
    }

    /// What it holds of fields, asked in queries.
    ///
    /// # Errors
    /// When it fails.
    pub fn found(&mut self, fields: Value, span: (i64, i64)) -> Result<Vec<Found>> {
        let check = json!({ "checks": fields, "first": span.0, "last": span.1 });
        Found::read(&self.process.send(&json!({ "check": check }))?["found"])
    }
}

fn about(told: &Value) -> Result<String> {
    Ok(format!("{} ({})", text(told, "version")?, text(told, "settings")?))
}
