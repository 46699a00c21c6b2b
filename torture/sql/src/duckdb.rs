//! One DuckDB process, driven over its standard input and output by `duckdb.py`.

use std::io::{BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::answer::{Cell, Rows};

const SCRIPT: &str = include_str!("duckdb.py");

/// What to say when Python or its package `duckdb` is not there.
pub(crate) const MISSING: &str =
    "this needs Python 3 with DuckDB: python3 -m pip install duckdb==2.0.0";

/// The answers to one message may be this long.
const MAX_ANSWER_BYTES: u64 = 4 << 30;

pub(crate) struct DuckDb {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl DuckDb {
    /// Starts the process; `None` when Python or the package is missing.
    pub(crate) fn start() -> Result<Option<Self>> {
        let python = |script: &str| {
            let mut command = Command::new("python3");
            command.args(["-u", "-c", script]);
            command
        };
        let found = python("import duckdb").stderr(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        let mut process = python(SCRIPT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start python3")?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            bail!("python3 has no pipes");
        };
        Ok(Some(Self { process, input, output: BufReader::new(output) }))
    }

    /// Sends statements; their answers are fetched with [`DuckDb::receive`].
    pub(crate) fn send(&mut self, statements: &[String]) -> Result<()> {
        let text = statements.join("\u{1d}");
        self.input.write_all(&(text.len() as u64).to_le_bytes()).context("DuckDB is gone")?;
        self.input.write_all(text.as_bytes()).context("DuckDB is gone")?;
        self.input.flush().context("DuckDB is gone")
    }

    /// The answers to the statements sent last: rows, or what DuckDB had against one.
    pub(crate) fn receive(&mut self) -> Result<Vec<Result<Rows, String>>> {
        let mut length = [0; 8];
        self.output.read_exact(&mut length).context("DuckDB is gone")?;
        let length = u64::from_le_bytes(length);
        if length > MAX_ANSWER_BYTES {
            bail!(
                "DuckDB's answers are {length} bytes long, or something else wrote to its output"
            );
        }
        let mut text = vec![0; usize::try_from(length)?];
        self.output.read_exact(&mut text).context("DuckDB is gone")?;
        String::from_utf8(text)?.split('\u{1d}').map(answer).collect()
    }

    /// Sends statements that must not fail.
    pub(crate) fn run(&mut self, statements: &[String]) -> Result<()> {
        self.send(statements)?;
        for (answer, statement) in self.receive()?.into_iter().zip(statements) {
            if let Err(error) = answer {
                bail!("DuckDB: {error}\n{}", statement.chars().take(500).collect::<String>());
            }
        }
        Ok(())
    }
}

impl Drop for DuckDb {
    fn drop(&mut self) {
        // It ends by itself when its input does; nobody waits for the answer.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn answer(text: &str) -> Result<Result<Rows, String>> {
    if let Some(error) = text.strip_prefix('E') {
        return Ok(Err(error.to_owned()));
    }
    let Some(rows) = text.strip_prefix('R') else { bail!("DuckDB answers {text:?}") };
    if rows.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let rows = rows.split('\u{1e}').map(|row| row.split('\u{1f}').map(cell).collect());
    rows.collect::<Result<Rows>>().map(Ok)
}

fn cell(text: &str) -> Result<Cell> {
    let (kind, value) = text.split_at_checked(1).context("an empty cell")?;
    Ok(match kind {
        "n" => Cell::Null,
        "i" => Cell::Int(value.parse()?),
        "f" => Cell::Float(value.parse()?),
        "b" => Cell::Bool(value == "1"),
        "s" => Cell::Text(value.to_owned()),
        _ => bail!("a cell of a type that is not compared: {value}"),
    })
}

#[cfg(test)]
mod tests {
    use super::{Cell, DuckDb, MISSING};

    #[test]
    fn what_duckdb_shows_of_its_progress_is_no_answer() {
        let Some(mut duckdb) = DuckDb::start().unwrap() else {
            eprintln!("skipped: {MISSING}");
            return;
        };
        // Progress is shown of whatever takes a millisecond.
        duckdb
            .run(&["SET enable_progress_bar=true", "SET progress_bar_time=1"].map(str::to_owned))
            .unwrap();
        let statement = "SELECT count(a.range * b.range) FROM range(4000) a, range(4000) b";
        duckdb.send(&[statement.to_owned()]).unwrap();
        let answers = duckdb.receive().unwrap();
        assert_eq!(answers, [Ok(vec![vec![Cell::Int(16_000_000)]])]);
    }
}
