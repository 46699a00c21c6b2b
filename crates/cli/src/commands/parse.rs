use std::io::{self, BufWriter, Write};

use tidemill::import::{BadRow, Row, read_rows};

use crate::args::ParseArgs;
use crate::outcome::{Outcome, say};
use crate::{inputs, stop};

/// Bytes of output collected before a write.
const BUFFER_BYTES: usize = 256 << 10;

pub(crate) fn run(args: &ParseArgs) -> anyhow::Result<Outcome> {
    let input = inputs::single(&args.file)?;
    let options = args.read.options(stop::flag()?);
    let mut points = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
    let mut errors = BufWriter::new(io::stderr().lock());
    let mut json = String::new();
    let mut outcome = Outcome::Done;
    let read = read_rows(&input, &options, &mut |row| match row {
        Row::Point(point) => {
            json.clear();
            point.to_json(&mut json);
            json.push('\n');
            points.write_all(json.as_bytes())
        }
        Row::Bad(BadRow { file, line, column, reason, .. }) => {
            outcome = Outcome::Refused;
            writeln!(errors, "{file}:{line}:{column}: {reason}")
        }
    });
    // What was good is printed whatever came after it.
    let flushed = points.flush();
    errors.flush()?;
    drop(errors);
    if !read? {
        say(&format!("note: {}: is empty", input.name()));
    }
    flushed?;
    Ok(outcome)
}
