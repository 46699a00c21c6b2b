//! The command line, declared. Every command's help ends with examples ([`examples`]).

mod choices;
mod examples;
mod values;

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, Subcommand};
use jiff::tz::TimeZone;
use tidemill::Duplicates;
use tidemill::parse::line::Precision;
use tidemill::workload::UseCase;

pub(crate) use choices::{DurabilityArg, GenerateFormat, InputFormat, ResultFormat};
pub(crate) use values::{Bytes, Span};

/// A time-series engine: ingest, analyse and query large volumes of time series.
#[derive(Debug, Parser)]
#[command(name = "tidemill", version, after_help = examples::TIDEMILL)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Report on files in one go: what is in them, what stands out, what it cost
    #[command(after_help = examples::ANALYZE)]
    Analyze(AnalyzeArgs),
    /// Take files or a stream into a store
    #[command(after_help = examples::IMPORT)]
    Import(ImportArgs),
    /// Answer one SQL statement
    #[command(after_help = examples::QUERY)]
    Query(QueryArgs),
    /// Ask SQL interactively, with history and completion
    #[command(after_help = examples::SHELL)]
    Shell(ShellArgs),
    /// Print a file's rows as JSON, one object a row; nothing is stored
    #[command(after_help = examples::PARSE)]
    Parse(ParseArgs),
    /// Show what a store holds
    #[command(after_help = examples::INSPECT)]
    Inspect(InspectArgs),
    /// Read everything in a store and verify it: what is damaged, and what is lost by it
    #[command(after_help = examples::CHECK)]
    Check(CheckArgs),
    /// Write everything that can be read of a damaged store into a new one
    #[command(after_help = examples::REPAIR)]
    Repair(RepairArgs),
    /// Copy a store as it is now, while others write to it
    #[command(after_help = examples::BACKUP)]
    Backup(BackupArgs),
    /// Merge segments that are short or overlap; with --small, write all in fewer bytes
    #[command(after_help = examples::COMPACT)]
    Compact(CompactArgs),
    /// Delete rows of a table by time and tags
    #[command(after_help = examples::DELETE)]
    Delete(DeleteArgs),
    /// Say how long a table keeps its rows
    #[command(after_help = examples::RETENTION)]
    Retention(RetentionArgs),
    /// Write a table, or the answer to a statement, to a file
    #[command(after_help = examples::EXPORT)]
    Export(ExportArgs),
    /// Make data of the Time Series Benchmark Suite (TSBS)
    #[command(after_help = examples::GENERATE)]
    Generate(GenerateArgs),
    /// Record this machine's processors, memory, disks and network
    #[command(after_help = examples::RECORD)]
    Record(RecordArgs),
}

/// Which store, and how much memory it may use.
#[derive(Debug, clap::Args)]
pub(crate) struct StoreArgs {
    /// The store's directory
    #[arg(long, value_name = "DIR", env = "TIDEMILL_STORE", default_value = "./tidemill-data")]
    pub(crate) store: PathBuf,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct MemoryArgs {
    /// Memory that may be used, such as 384MB or 2GiB [default: a quarter of the machine's]
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<Bytes>,
}

/// How rows are read.
#[derive(Debug, clap::Args)]
pub(crate) struct ReadArgs {
    /// The format [default: recognised from the content]
    #[arg(long, value_enum)]
    pub(crate) format: Option<InputFormat>,
    /// The table, for formats that name none [default: the file's name without its ending]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) table: Option<String>,
    /// The unit of times in line protocol: ns, us, ms, s, m or h
    #[arg(long, value_name = "UNIT", default_value_t)]
    pub(crate) precision: Precision,
    /// The column of times, of CSV, NDJSON and Parquet [default: it is found]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time: Option<String>,
    /// The tag columns, of CSV, NDJSON and Parquet, separated by commas [default: text columns
    /// with few distinct values]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) tags: Option<Vec<String>>,
    /// The time zone of times without an offset, such as Europe/Berlin or +02:00
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = time_zone)]
    pub(crate) tz: TimeZone,
    /// A longer line is a bad row
    #[arg(long, value_name = "SIZE", default_value = "16MiB", hide = true)]
    pub(crate) max_line_bytes: Bytes,
}

/// What happens to rows that cannot be read.
#[derive(Debug, clap::Args)]
pub(crate) struct BadRowArgs {
    /// Write the rows that are refused to this file, as they stand (a line that is too long: how
    /// it begins; a row of Parquet, which is no text: nothing)
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Stop at the first bad row and keep nothing of its file
    #[arg(long)]
    pub(crate) strict: bool,
    /// What becomes of a row whose series and time are there already: last (the later one wins,
    /// field by field), keep (the earlier one) or error (the later one is a bad row). Of tables
    /// that are created now
    #[arg(long, value_name = "RULE", default_value_t)]
    pub(crate) duplicates: Duplicates,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AnalyzeArgs {
    /// Files, patterns, or `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// Also write the report as one self-contained page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) bad_rows: BadRowArgs,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// Files, patterns, or `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) bad_rows: BadRowArgs,
    /// Of a stream: what came is safe after this time at the latest
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub(crate) commit_every: Span,
    /// Of a stream: what must hold before it says that rows are in (files are always durable)
    #[arg(long, value_enum, default_value = "fsync")]
    pub(crate) durability: DurabilityArg,
    /// Print what each stage allocates, and how long its threads took
    #[arg(long)]
    pub(crate) profile_memory: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct QueryArgs {
    /// The statement; names are written as stored
    #[arg(value_name = "SQL")]
    pub(crate) sql: String,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// How the answer is written [default: as --output ends, or a table]
    #[arg(long, value_enum)]
    pub(crate) format: Option<ResultFormat>,
    /// Write the answer to this file, which appears when it is complete
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print to standard error what each stage and operator allocates, and how long its threads took
    #[arg(long)]
    pub(crate) profile_memory: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShellArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ParseArgs {
    /// A file, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The store's directory, as with --store
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RepairArgs {
    /// The damaged store's directory; it is only read
    #[arg(value_name = "DIR")]
    pub(crate) from: PathBuf,
    /// The new store's directory, which must not exist or be empty
    #[arg(value_name = "NEW DIR")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BackupArgs {
    /// Where the copy goes: a directory that does not exist or is empty
    #[arg(value_name = "DIR")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompactArgs {
    /// Write all segments anew in the fewest bytes, which take longer to read
    #[arg(long)]
    pub(crate) small: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// The table
    #[arg(value_name = "TABLE")]
    pub(crate) table: String,
    /// Which rows: comparisons of `time` with constants and conditions on tags, joined by AND;
    /// `true` for all
    #[arg(long = "where", value_name = "CONDITION", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) condition: String,
    /// Only say how many rows that would be
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RetentionArgs {
    /// The table
    #[arg(value_name = "TABLE")]
    pub(crate) table: String,
    /// Keep rows this long, such as 30d [default: only say how long they are kept]
    #[arg(long, value_name = "TIME", conflicts_with = "forever")]
    pub(crate) keep: Option<Span>,
    /// Keep rows for ever
    #[arg(long)]
    pub(crate) forever: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// A table's name, or a statement
    #[arg(value_name = "TABLE or SQL")]
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// The format; lp, which keeps tags and types, takes a table
    #[arg(long, value_enum)]
    pub(crate) format: InputFormat,
    /// Write to this file, which appears when it is complete [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    /// The data set: tsbs-cpu, tsbs-devops or tsbs-iot
    #[arg(value_name = "DATA SET")]
    pub(crate) use_case: UseCase,
    /// Hosts, or trucks
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) scale: u32,
    /// How long it spans, in hours, from 2016-01-01
    #[arg(long, value_name = "H", default_value_t = 1.0)]
    pub(crate) hours: f64,
    /// The time between rows
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) interval: Span,
    /// The same seed gives the same rows
    #[arg(long, value_name = "S", default_value_t = 123)]
    pub(crate) seed: u64,
    /// The format; csv holds one table
    #[arg(long, value_enum, default_value = "lp")]
    pub(crate) format: GenerateFormat,
    /// Only this table
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
    /// Write to this file, which appears when it is complete [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RecordArgs {
    /// The time between samples
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub(crate) interval: Span,
    /// How long to record [default: until Ctrl-C]
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) duration: Option<Span>,
    /// Write into this store
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub(crate) store: Option<PathBuf>,
    /// Append line protocol to this file [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The name of this machine in the data [default: its own]
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// What must hold before the next sample is taken, with --store
    #[arg(long, value_enum, default_value = "fsync")]
    pub(crate) durability: DurabilityArg,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}

fn time_zone(name: &str) -> Result<TimeZone, String> {
    let wrong = |_| format!("`{name}` is no time zone; write Europe/Berlin or +02:00");
    offset(name).map_or_else(|| TimeZone::get(name).map_err(wrong), Ok)
}

/// `+02:00`, `-0330`.
fn offset(text: &str) -> Option<TimeZone> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_once(':').or_else(|| digits.split_at_checked(2))?;
    let number =
        |text: &str, end: i32| text.parse().ok().filter(|number| (0..end).contains(number));
    let seconds = sign * (number(hours, 24)? * 3600 + number(minutes, 60)? * 60);
    Some(TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn zones_are_names_or_offsets() {
        let seconds = |text: &str| {
            let zone = time_zone(text).ok()?;
            Some(zone.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds())
        };
        assert_eq!(seconds("+02:00"), Some(7200));
        assert_eq!(seconds("-0330"), Some(-12_600));
        assert_eq!(seconds("Europe/Berlin"), Some(3600));
        for wrong in ["Mars/Olympus", "+25:00", "+1:99", "+", "02:00", "+-1:00", ""] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_declaration_is_sound_and_every_help_ends_with_examples() {
        let mut command = Args::command();
        command.clone().debug_assert();
        command.build();
        for subcommand in command.get_subcommands_mut() {
            if subcommand.get_name() != "help" {
                let help = subcommand.render_long_help().to_string();
                assert!(help.contains("\nExamples:\n  tidemill "), "{help}");
            }
        }
    }
}
