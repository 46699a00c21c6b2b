//! What is printed.

use std::io::Write;

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use super::analysis::{Advice, Analysis};
use super::{Field, Shape, Tag, Type, Variant};
use crate::heap::table::{STYLE, print_table};

/// One line a type.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_all(found: &[(&Type, Analysis)], top: usize, out: &mut dyn Write) -> Result<()> {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["size", "align", "padding", "slack", "type", "smaller"]);
    for (one, analysis) in found.iter().take(top) {
        table.add_row([
            one.size.to_string(),
            known(one.align),
            analysis.padding.to_string(),
            if analysis.variants.len() > 1 { analysis.slack.to_string() } else { "-".to_owned() },
            one.name.clone(),
            in_short(&analysis.advice),
        ]);
    }
    for column in table.column_iter_mut().take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    print_table(&table, out)?;
    if found.len() > top {
        writeln!(out, "{} more types: --top {}", found.len() - top, found.len())?;
    }
    writeln!(
        out,
        "Bytes. Padding: used by no field (in no variant); slack: how far the largest variant reaches beyond the next.\n\
         That of fields is listed with their own types."
    )?;
    Ok(())
}

/// All about one type.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_one(found: &Type, analysis: &Analysis, out: &mut dyn Write) -> Result<()> {
    let lines = match analysis.worst_lines {
        Some(worst) if worst > analysis.lines => {
            format!("{} cache lines ({worst} where it does not begin one)", analysis.lines)
        }
        _ => format!("{} cache lines", analysis.lines),
    };
    let lines = if analysis.lines == 1 { lines.replacen("lines", "line", 1) } else { lines };
    writeln!(out, "{}", found.name)?;
    writeln!(out, "  size {}, align {}, {lines}", found.size, known(found.align))?;
    match &found.shape {
        Shape::Struct(fields) => {
            print_fields(fields, &[], Some(found.size), "  ", out)?;
            writeln!(out, "  padding {} ({} of it at the end)", analysis.padding, analysis.tail)?;
        }
        Shape::Union(fields) => {
            print_fields(fields, &[], None, "  ", out)?;
            writeln!(out, "  a union: its fields lie over each other")?;
        }
        Shape::Enum { tag, variants } => print_enum(tag.as_ref(), variants, analysis, out)?,
    }
    if !analysis.straddling.is_empty() {
        let names = analysis.straddling.join(", ");
        writeln!(out, "  over the end of a cache line, where it begins one: {names}")?;
    }
    writeln!(out, "  {}", in_full(&analysis.advice, found.size))?;
    Ok(())
}

fn print_enum(
    tag: Option<&Tag>,
    variants: &[Variant],
    analysis: &Analysis,
    out: &mut dyn Write,
) -> Result<()> {
    match tag {
        None => writeln!(out, "  no tag: at most one variant can be")?,
        Some(tag) => {
            let (at, size) = (tag.offset, known(tag.size));
            let kind = if tag.is_niche { "niche (values that a field cannot have)" } else { "tag" };
            writeln!(out, "  {kind}: {size} B at {at}")?;
        }
    }
    for (variant, (end, unused)) in variants.iter().zip(&analysis.variants) {
        let value = match variant.discriminant {
            Some(value) if tag.is_some_and(|tag| tag.is_niche) => format!(" = {value:#x}"),
            Some(value) => format!(" = {value}"),
            None => String::new(),
        };
        let rest = if *unused > 0 { format!(", {unused} unused") } else { String::new() };
        let is_plain =
            analysis.variants.iter().all(|(_, unused)| *unused == 0) && variant.fields.is_empty();
        let what = if is_plain { String::new() } else { format!(": up to {end}{rest}") };
        writeln!(out, "  {}{value}{what}", variant.name)?;
        let span = tag.map(|tag| (tag.offset, tag.size.unwrap_or(0)));
        let taken: Vec<(u64, u64)> = span.into_iter().collect();
        if !variant.fields.is_empty() {
            print_fields(&variant.fields, &taken, None, "    ", out)?;
        }
    }
    if let Some((largest, next)) = analysis.largest().filter(|_| analysis.slack > 0) {
        let names = (&variants[largest].name, &variants[next].name);
        let ends = (analysis.variants[largest].0, analysis.variants[next].0);
        writeln!(out, "  largest {} ({}), next {} ({})", names.0, ends.0, names.1, ends.1)?;
    }
    writeln!(out, "  padding {} (used in no variant), slack {}", analysis.padding, analysis.slack)?;
    Ok(())
}

/// Fields and holes in the order of memory.
fn print_fields(
    fields: &[Field],
    taken: &[(u64, u64)],
    size: Option<u64>,
    indent: &str,
    out: &mut dyn Write,
) -> Result<()> {
    let mut order: Vec<&Field> = fields.iter().collect();
    order.sort_by_key(|field| (field.offset, field.size));
    let width = fields.iter().map(|field| field.name.len()).max().unwrap_or(0);
    let mut end = 0;
    let hole = |end: u64, to: u64, out: &mut dyn Write| -> Result<()> {
        let is_taken = taken.iter().any(|(at, size)| *at == end && at + size == to);
        if to > end && !is_taken {
            let from = taken.iter().find(|(at, _)| *at == end).map_or(end, |(at, size)| at + size);
            writeln!(out, "{indent}{from:6} {:6}  (hole)", to.saturating_sub(from))?;
        }
        Ok(())
    };
    for field in order {
        hole(end, field.offset, out)?;
        let (at, size, name) = (field.offset, known(field.size), &field.name);
        writeln!(out, "{indent}{at:6} {size:>6}  {name:width$}  {}", field.type_name)?;
        end = end.max(field.end());
    }
    if let Some(size) = size.filter(|size| *size > end) {
        writeln!(out, "{indent}{end:6} {:6}  (padding)", size - end)?;
    }
    Ok(())
}

fn known(value: Option<u64>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

fn in_short(advice: &Advice) -> String {
    match advice {
        Advice::Nothing(_) => "-".to_owned(),
        Advice::Unknown(_) => "?".to_owned(),
        Advice::Reorder { size, .. } => format!("{size}, reordered"),
        Advice::Box { variant, size } => format!("{size}, {variant} boxed"),
    }
}

/// The advice in a sentence, of a type of this size.
pub fn in_full(advice: &Advice, size: u64) -> String {
    match advice {
        Advice::Nothing(why) => format!("nothing to gain: {why}"),
        Advice::Unknown(why) => format!("unknown whether it could be smaller: {why}"),
        Advice::Reorder { variant, order, size: least } => {
            let of = variant.as_ref().map_or_else(String::new, |name| format!(" of {name}"));
            let order = order.join(", ");
            format!(
                "fields{of} lie as they are declared (repr(C), or an end that may be unsized): \
                 as {order} it is {least}, not {size}"
            )
        }
        Advice::Box { variant, size: least } => {
            format!("with the data of {variant} in a Box it is at most {least}, not {size}")
        }
    }
}
