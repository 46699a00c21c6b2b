//! What is printed.

use std::io::Write;

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use super::breakdown::{Breakdown, What};
use super::difference::Change;
use crate::heap::table::{STYLE, print_table, size, thousands};
use crate::image::without_generics;

/// Letters of a name: instances of generics may have thousands, and then go without their arguments.
const MAX_NAME: usize = 110;

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// Sections of the file
    Section,
    /// Code by the crate that wrote it
    Crate,
    /// Code by function, instances of a generic together
    Function,
    /// Constants and variables by name
    Data,
}

/// Prints the totals, and the list asked for; else a short one of each.
///
/// # Errors
/// When `out` cannot be written.
pub fn print(found: &Breakdown, by: Option<By>, top: usize, out: &mut dyn Write) -> Result<()> {
    let rest = found.file - found.loaded;
    writeln!(
        out,
        "{} in the file: {} loaded, {} symbols, debug information, headers",
        size(signed(found.file)),
        size(signed(found.loaded)),
        size(signed(rest)),
    )?;
    let lists = match by {
        Some(by) => vec![by],
        None => vec![By::Section, By::Crate, By::Function, By::Data],
    };
    for list in lists {
        writeln!(out)?;
        match list {
            By::Section => sections(found, out)?,
            By::Crate => crates(found, top, out)?,
            By::Function => functions(found, top, out)?,
            By::Data => data(found, top, out)?,
        }
    }
    Ok(())
}

/// Prints what changed.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_changes(
    changes: &[Change],
    by: Option<By>,
    top: usize,
    out: &mut dyn Write,
) -> Result<()> {
    let kinds = [
        ("total", None),
        ("section", Some(By::Section)),
        ("crate", Some(By::Crate)),
        ("function", Some(By::Function)),
        ("data", Some(By::Data)),
    ];
    let mut has_any = false;
    for (kind, of) in kinds {
        if by.is_some() && of.is_some() && by != of {
            continue;
        }
        let found: Vec<&Change> = changes.iter().filter(|change| change.kind == kind).collect();
        if found.is_empty() {
            continue;
        }
        if has_any {
            writeln!(out)?;
        }
        has_any = true;
        let mut table = new(&["change", "before", "after", kind]);
        let known = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), thousands);
        for change in found.iter().take(top) {
            let bytes = change.bytes();
            let sign = if bytes < 0 { '-' } else { '+' };
            table.add_row([
                format!("{sign}{}", thousands(bytes.unsigned_abs())),
                known(change.before),
                known(change.after),
                short(&change.name),
            ]);
        }
        right(&mut table, 3);
        finish(&table, found.len(), top, out)?;
    }
    if !has_any {
        writeln!(out, "no size differs from the baseline")?;
    }
    Ok(())
}

fn sections(found: &Breakdown, out: &mut dyn Write) -> Result<()> {
    let mut table = new(&["bytes", "in file", "section", "what"]);
    let mut order: Vec<_> = found.sections.iter().filter(|section| section.size > 0).collect();
    order.sort_by_key(|section| (!section.is_loaded, std::cmp::Reverse(section.size)));
    for section in order {
        let what = match section.what {
            What::Code => "code",
            What::Data => "data",
            What::Unwinding => "tables for unwinding",
            What::Linking => "for the loader",
            What::Symbols => "symbols",
            What::Debug => "debug information",
            What::Other => "",
        };
        let (bytes, in_file) = (thousands(section.size), thousands(section.in_file));
        table.add_row([bytes, in_file, section.name.clone(), what.to_owned()]);
    }
    table.add_row([String::new(), thousands(found.file), "the file".to_owned(), String::new()]);
    right(&mut table, 2);
    print_table(&table, out)
}

fn crates(found: &Breakdown, top: usize, out: &mut dyn Write) -> Result<()> {
    let mut table = new(&["bytes", "of code", "functions", "crate", "compiled for"]);
    for one in found.crates.iter().take(top) {
        let others = one.compiled_for.iter().take(2);
        let others: Vec<String> =
            others.map(|(name, bytes)| format!("{name} {}", size(signed(*bytes)))).collect();
        let functions = if one.functions == 0 { "-".to_owned() } else { thousands(one.functions) };
        table.add_row([
            thousands(one.size),
            share(one.size, found.code),
            functions,
            one.name.clone(),
            others.join(", "),
        ]);
    }
    right(&mut table, 3);
    finish(&table, found.crates.len(), top, out)?;
    Ok(writeln!(out, "{} B of code in all.", thousands(found.code))?)
}

fn functions(found: &Breakdown, top: usize, out: &mut dyn Write) -> Result<()> {
    let mut table = new(&["bytes", "of code", "copies", "function"]);
    for one in found.functions.iter().take(top) {
        let copies = if one.copies == 0 { "-".to_owned() } else { thousands(one.copies) };
        let name = if one.copies == 1 { &one.largest } else { &one.name };
        let name = short(name);
        table.add_row([thousands(one.size), share(one.size, found.code), copies, name]);
    }
    right(&mut table, 3);
    finish(&table, found.functions.len(), top, out)?;
    Ok(writeln!(out, "{} B of code in all.", thousands(found.code))?)
}

fn data(found: &Breakdown, top: usize, out: &mut dyn Write) -> Result<()> {
    let mut table = new(&["bytes", "of data", "section", "data"]);
    for one in found.data.iter().take(top).filter(|one| one.size > 0) {
        table.add_row([
            thousands(one.size),
            share(one.size, found.data_size),
            one.section.clone(),
            short(&one.name),
        ]);
    }
    right(&mut table, 2);
    finish(&table, found.data.len(), top, out)?;
    Ok(writeln!(out, "{} B of data in all.", thousands(found.data_size))?)
}

fn new(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}

fn right(table: &mut Table, columns: usize) {
    for column in table.column_iter_mut().take(columns) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn finish(table: &Table, count: usize, top: usize, out: &mut dyn Write) -> Result<()> {
    print_table(table, out)?;
    if count > top {
        writeln!(out, "{} more: --top {count}", count - top)?;
    }
    Ok(())
}

fn short(name: &str) -> String {
    let is_long = |name: &str| name.chars().count() > MAX_NAME;
    if !is_long(name) {
        return name.to_owned();
    }
    let plain = without_generics(name);
    if is_long(&plain) { plain.chars().take(MAX_NAME - 1).chain(['…']).collect() } else { plain }
}

fn share(part: u64, whole: u64) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
