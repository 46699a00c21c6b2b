//! What is loaded: files of TSBS rows, kept beside the other benches' data.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tidemill::workload::{Format, Generator, Options, Random, UseCase};
use tidemill::{Batch, FieldType};

use super::Field;

/// Rows that are written at once.
const ROWS: usize = 4096;

/// A file, and what is in it.
#[derive(Clone, Debug)]
pub struct Input {
    /// Where it is.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// What is counted after a load: a field of each table.
    pub fields: &'static [Field],
    /// The first and the last time there may be, in nanoseconds since 1970.
    pub span: (i64, i64),
}

/// How much of which rows.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// The data set of TSBS.
    pub case: UseCase,
    /// This table alone; CSV of several tables there is not.
    pub table: Option<&'static str>,
    /// Hosts, or trucks.
    pub scale: u32,
    /// The time they span, in seconds; a row of each table every ten.
    pub seconds: u64,
    /// How it is written.
    pub format: Format,
}

/// A file of this size; it is made if there is none. Of iot, rows of trucks whose name got lost (one in 800) are left
/// out: several of one time are the same series, of which some engines keep the last and others all.
///
/// # Errors
/// When it cannot be written.
pub fn tsbs(dir: &Path, size: Size) -> Result<Input> {
    let Size { case, table, scale, seconds, format } = size;
    let ending = if format == Format::Csv { "csv" } else { "lp" };
    let time =
        if seconds % 3600 == 0 { format!("{}h", seconds / 3600) } else { format!("{seconds}s") };
    let name = case.name().trim_start_matches("tsbs-");
    let of = table.map(|table| format!("-{table}")).unwrap_or_default();
    let path = dir.join(format!("{name}-{scale}-{time}{of}.{ending}"));
    let mut options = Options::new(case);
    (options.scale, options.format, options.table) = (scale, format, table.map(str::to_owned));
    options.duration = Duration::from_secs(seconds);
    if !path.exists() {
        let mut generator = Generator::new(&options)?;
        write_whole(&path, |out| {
            let mut text = Vec::new();
            while generator.write_rows(&mut text, ROWS) > 0 {
                for line in text.split_inclusive(|byte| *byte == b'\n') {
                    if case != UseCase::Iot || has_name(line, format) {
                        out.write_all(line)?;
                    }
                }
                text.clear();
            }
            Ok(())
        })?;
    }
    let end = Duration::from_secs(seconds).as_nanos();
    let span = (options.start_ns, options.start_ns + i64::try_from(end)? - 1);
    let (lines, bytes) = lines_and_bytes(&path)?;
    let rows = lines - u64::from(format == Format::Csv);
    Ok(Input { path, format, rows, bytes, fields: fields(case), span })
}

fn has_name(line: &[u8], format: Format) -> bool {
    match format {
        Format::LineProtocol => line.windows(6).any(|part| part == b",name="),
        // Behind the time; the head has it, too.
        Format::Csv => line.split(|byte| *byte == b',').nth(1).is_some_and(|name| !name.is_empty()),
    }
}

/// A table's name, and its fields with their types, in the order of a CSV file.
pub type Table = (&'static str, Vec<(String, FieldType)>);

/// The tables of a data set, in the order in which they are written.
///
/// # Errors
/// When there are none.
pub fn tables(case: UseCase) -> Result<Vec<Table>> {
    let mut generator = Generator::new(&Options { scale: 1, ..Options::new(case) })?;
    let names: Vec<&'static str> = generator.tables().collect();
    let mut batch = Batch::new();
    generator.fill_batch(&mut batch, 1);
    let fields = |name: &'static str| {
        let place = batch.find_table(name).with_context(|| format!("no table {name}"))?;
        let columns = batch.tables()[place].columns().iter();
        Ok((name, columns.map(|it| (it.name.clone(), it.column.ty())).collect()))
    };
    names.into_iter().map(fields).collect()
}

/// The same lines, of which a part comes late: each, with the probability `share`, after 1 to `most` of those that
/// follow it. The file is made anew.
///
/// # Errors
/// When it cannot be written.
pub fn late(input: &Input, share: f64, most: u64, seed: u64) -> Result<Input> {
    let stem = input.path.file_stem().context("no name")?.to_string_lossy();
    let path = input.path.with_file_name(format!("{stem}-late.lp"));
    let lines = BufReader::new(File::open(&input.path)?);
    write_whole(&path, |out| disorder(lines, out, share, most, &mut Random::new(seed)))?;
    Ok(Input { path, ..input.clone() })
}

/// What waits takes `share * most / 2` lines of memory.
fn disorder(
    mut lines: impl BufRead,
    out: &mut impl Write,
    share: f64,
    most: u64,
    random: &mut Random,
) -> Result<()> {
    let mut waiting = BinaryHeap::new();
    let mut line = Vec::new();
    for number in 0u64.. {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if random.chance(share) {
            let due = number + 1 + random.below(most);
            waiting.push(Reverse((due, number, std::mem::take(&mut line))));
        } else {
            out.write_all(&line)?;
        }
        while waiting.peek().is_some_and(|Reverse((due, ..))| *due <= number) {
            if let Some(Reverse((.., late))) = waiting.pop() {
                out.write_all(&late)?;
            }
        }
    }
    while let Some(Reverse((.., late))) = waiting.pop() {
        out.write_all(&late)?;
    }
    Ok(())
}

/// A file that is there whole or not at all.
fn write_whole(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    eprintln!("writing {}", path.display());
    let unfinished = path.with_extension("unfinished");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&unfinished)?);
    write(&mut out)?;
    out.into_inner()?.sync_all()?;
    Ok(std::fs::rename(unfinished, path)?)
}

/// Counted in the file itself, which is in the page cache then.
fn lines_and_bytes(path: &Path) -> Result<(u64, u64)> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let (mut lines, mut bytes) = (0, 0);
    loop {
        let piece = file.fill_buf()?;
        let count = piece.len();
        if count == 0 {
            return Ok((lines, bytes));
        }
        lines += piece.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        bytes += count as u64;
        file.consume(count);
    }
}

/// A field of each table.
#[must_use]
pub fn fields(case: UseCase) -> &'static [Field] {
    match case {
        UseCase::Cpu => &[("cpu", "usage_user")],
        UseCase::Devops => &[
            ("cpu", "usage_user"),
            ("diskio", "reads"),
            ("disk", "used_percent"),
            ("kernel", "interrupts"),
            ("mem", "used"),
            ("net", "bytes_sent"),
            ("nginx", "active"),
            ("postgresl", "numbackends"),
            ("redis", "used_memory"),
        ],
        UseCase::Iot => &[("readings", "velocity"), ("diagnostics", "fuel_state")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_those_of_the_data_and_each_has_its_field() -> Result<()> {
        for case in UseCase::ALL {
            let tables = tables(case)?;
            let fields = fields(case);
            assert_eq!(tables.len(), fields.len(), "{case}");
            for ((name, all), (table, field)) in tables.iter().zip(fields) {
                assert_eq!(name, table);
                assert!(all.iter().any(|(name, _)| name == field), "{name}.{field}");
            }
        }
        Ok(())
    }

    #[test]
    fn csv_of_a_table_has_the_rows_of_the_lines() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let make = |table, format| {
            let (case, scale, seconds) = (UseCase::Iot, 20, 3600);
            tsbs(folder.path(), Size { case, table, scale, seconds, format })
        };
        let all = make(None, Format::LineProtocol)?;
        let tables = ["readings", "diagnostics"];
        let rows = |table| Ok(make(Some(table), Format::Csv)?.rows);
        assert_eq!(all.rows, tables.map(rows).into_iter().sum::<Result<u64>>()?);
        let text = std::fs::read_to_string(&all.path)?;
        assert!(text.lines().all(|line| line.contains(",name=")));
        assert!(text.lines().any(|line| !line.contains(",driver=")));
        Ok(())
    }

    #[test]
    fn late_lines_are_all_there_and_no_later_than_told() -> Result<()> {
        let text: String = (0..10_000).map(|line| format!("{line:05}\n")).collect();
        let late = |seed| -> Result<Vec<u8>> {
            let mut out = Vec::new();
            disorder(text.as_bytes(), &mut out, 0.3, 50, &mut Random::new(seed))?;
            Ok(out)
        };
        let out = String::from_utf8(late(1)?)?;
        assert!(out.as_bytes() == late(1)? && out.as_bytes() != late(2)?);
        let numbers: Vec<usize> = out.lines().map(str::parse).collect::<Result<_, _>>()?;
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..10_000));
        // Of a line, how many that follow it in the data come before it.
        let mut greatest = 0;
        let mut late_lines = 0;
        for number in numbers {
            late_lines += usize::from(number < greatest);
            assert!(number + 50 >= greatest, "{number} after {greatest}");
            greatest = greatest.max(number);
        }
        assert!((2_800..3_100).contains(&late_lines), "{late_lines}");
        Ok(())
    }
}
