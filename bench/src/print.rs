//! Tables as Markdown, numbers with three digits.

/// Rows of cells as Markdown, the first of them being the head.
#[must_use]
pub fn markdown(rows: &[Vec<String>]) -> String {
    let mut lines: Vec<String> =
        rows.iter().map(|cells| format!("| {} |\n", cells.join(" | "))).collect();
    if let Some(head) = rows.first() {
        lines.insert(1, format!("| {} |\n", vec!["---"; head.len()].join(" | ")));
    }
    lines.concat()
}

/// Three digits; nothing for what there is not.
#[must_use]
pub fn digits(value: f64) -> String {
    let digits = match value.abs() {
        value if value.is_nan() => return "–".to_owned(),
        value if value < 1.0 => 3,
        value if value < 10.0 => 2,
        value if value < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}
