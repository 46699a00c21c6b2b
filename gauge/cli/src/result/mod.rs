//! One result for all commands: a document of rows, one metric each, with the environment.
//!
//! The schema has a version, [`SCHEMA`]: fields may be added under the same number; a field that
//! changes its meaning or goes takes the next. A value that is not known is absent, never zero.

pub mod kept;

use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::environment::{Environment, Over};

/// The version of [`Document`]'s fields.
pub const SCHEMA: u32 = 1;

/// What a command found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// `cargo-gauge` and its version.
    pub tool: String,
    /// The command that made it: `check`, `bench` …
    pub command: String,
    /// What it is of, where the command can be asked of several things: a program, a command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Whether only a part was asked for: what is missing here may be there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Rows that were found and are not here.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: usize,
    /// When it began, RFC 3339, UTC.
    pub started: String,
    /// Where it was measured.
    pub environment: Environment,
    /// How busy the machine was during the measurement, where one took time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Over>,
    /// What makes the result doubtful.
    pub warnings: Vec<String>,
    /// What was found.
    pub rows: Vec<Row>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What a row measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Wall time, nanoseconds.
    Time,
    /// Cycles of the time stamp counter.
    Cycles,
    /// Instructions executed (callgrind or a hardware counter), or of a function's body.
    Instructions,
    /// Requests to the allocator.
    Allocations,
    /// Bytes asked of the allocator.
    AllocatedBytes,
    /// The most bytes live, or resident, at one time.
    PeakBytes,
    /// Bytes of an artefact or a part of it.
    Size,
    /// Bytes of a type.
    Layout,
    /// A statement about assembly.
    Assembly,
    /// Bytes a second.
    Bandwidth,
    /// Samples of a profile.
    Samples,
    /// A statement about a dependency.
    Dependency,
}

impl Metric {
    /// The unit of [`Row::value`]; empty where it is a plain count or a statement.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Time => "ns",
            Self::Cycles => "cycles",
            Self::AllocatedBytes | Self::PeakBytes | Self::Size | Self::Layout => "B",
            Self::Bandwidth => "B/s",
            Self::Instructions
            | Self::Allocations
            | Self::Assembly
            | Self::Samples
            | Self::Dependency => "",
        }
    }
}

/// How a row was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A contract holds.
    Pass,
    /// A contract is broken.
    Fail,
    /// It cannot be told; fails a gate, as nothing was proved.
    Unknown,
    /// Better than the baseline by more than the least effect.
    Improved,
    /// Within the least effect of the baseline.
    Equal,
    /// Worse than the baseline by more than the least effect.
    Regressed,
    /// The measurements allow no verdict.
    Inconclusive,
}

impl Verdict {
    /// Whether a gate closes on it.
    pub fn is_breach(self) -> bool {
        matches!(self, Self::Fail | Self::Unknown | Self::Regressed)
    }

    /// As it is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Unknown => "UNKNOWN",
            Self::Improved => "improved",
            Self::Equal => "equal",
            Self::Regressed => "REGRESSED",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// Where in the sources a row belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Path from the project's root.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
}

/// One thing measured or judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is of: a contract, a benchmark, a function, a type.
    pub name: String,
    /// What is measured.
    pub metric: Metric,
    /// The figure, in the metric's unit; absent where it is not known or a statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// One figure a process run, where there were several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<f64>,
    /// How it was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why, in a line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What else the command knows.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub details: serde_json::Map<String, serde_json::Value>,
}

impl Row {
    /// A row with a name and a metric, and nothing known.
    pub fn new(name: impl Into<String>, metric: Metric) -> Self {
        Self {
            name: name.into(),
            metric,
            value: None,
            samples: Vec::new(),
            verdict: None,
            note: String::new(),
            place: None,
            details: serde_json::Map::new(),
        }
    }
}

impl Document {
    /// An empty document of a command that begins now.
    pub fn new(command: &str, environment: Environment) -> Self {
        Self {
            schema: SCHEMA,
            tool: concat!("cargo-gauge ", env!("CARGO_PKG_VERSION")).to_owned(),
            command: command.to_owned(),
            subject: None,
            partial: false,
            left_out: 0,
            started: jiff::Timestamp::now().to_string(),
            over: None,
            warnings: environment.doubts(),
            environment,
            rows: Vec::new(),
        }
    }

    /// Whether a gate closes on any row.
    pub fn has_breach(&self) -> bool {
        self.rows.iter().any(|row| row.verdict.is_some_and(Verdict::is_breach))
    }

    /// Writes it as JSON, indented.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write_json(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        Ok(writeln!(out)?)
    }

    /// Reads what [`Self::write_json`] wrote.
    ///
    /// # Errors
    /// When it is not such a document, or of a later schema.
    pub fn read_json(text: &str) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            schema: u32,
        }
        let head: Head = serde_json::from_str(text)?;
        anyhow::ensure!(
            head.schema <= SCHEMA,
            "its schema is {}, this cargo-gauge reads up to {SCHEMA}: use a newer one",
            head.schema
        );
        Ok(serde_json::from_str(text)?)
    }

    /// Writes one annotation a breach, as GitHub's runners read them.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write_annotations(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        for row in self.rows.iter().filter(|row| row.verdict.is_some_and(Verdict::is_breach)) {
            let place = row.place.as_ref().map(|p| format!(" file={},line={}", p.file, p.line));
            let message = format!("{}: {}", row.name, row.note);
            let message = message.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
            writeln!(out, "::error{}::{message}", place.unwrap_or_default())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_as_it_was_written() {
        let mut document = Document::new("check", Environment::default());
        let mut row = Row::new("sum", Metric::Instructions);
        row.value = Some(12.0);
        row.verdict = Some(Verdict::Pass);
        document.rows.push(row);
        let mut text = Vec::new();
        document.write_json(&mut text).unwrap();
        assert_eq!(Document::read_json(std::str::from_utf8(&text).unwrap()).unwrap(), document);
    }

    #[test]
    fn a_later_schema_is_refused() {
        let error = Document::read_json("{\"schema\": 2}").unwrap_err().to_string();
        assert!(error.contains("schema is 2"), "{error}");
    }

    #[test]
    fn an_annotation_stands_on_one_line() {
        let mut document = Document::new("check", Environment::default());
        let mut row = Row::new("sum", Metric::Assembly);
        row.verdict = Some(Verdict::Unknown);
        row.note = "100 % of\nit".to_owned();
        row.place = Some(Place { file: "gauge.toml".to_owned(), line: 7 });
        document.rows.push(row);
        let mut text = Vec::new();
        document.write_annotations(&mut text).unwrap();
        let expected = "::error file=gauge.toml,line=7::sum: 100 %25 of%0Ait\n";
        assert_eq!(std::str::from_utf8(&text).unwrap(), expected);
        assert!(document.has_breach());
    }
}
