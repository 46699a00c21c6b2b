//! What is wrong with a contract as it was written: where, and what was probably meant.

use std::ops::Range;

use crate::outcome::Usage;
use crate::result::Place;

/// The file and line of a byte of it.
pub fn place(file: &str, text: &str, byte: usize) -> Place {
    let (line, _) = line_and_column(text, byte);
    Place { file: file.to_owned(), line }
}

/// An error at a byte of a file, as compilers write them: `gauge.toml:12:1: …`. What is written there cannot be meant,
/// so the command was used wrongly.
pub fn at(file: &str, text: &str, span: &Range<usize>, message: &str) -> anyhow::Error {
    let (line, column) = line_and_column(text, span.start);
    Usage(format!("{file}:{line}:{column}: {message}")).into()
}

/// What the reader of TOML complained about, with its place and the nearest word it knows.
pub fn toml(file: &str, text: &str, error: &toml::de::Error) -> anyhow::Error {
    at(file, text, &error.span().unwrap_or_default(), &toml_message(error))
}

/// What the reader of TOML complained about, without its place.
pub fn toml_message(error: &toml::de::Error) -> String {
    with_nearest(error.message().trim_end())
}

/// Adds the word that was probably meant to "unknown field \`a\`, expected one of \`b\`, \`c\`".
fn with_nearest(message: &str) -> String {
    let Some((complaint, expected)) = message.split_once(", expected ") else {
        return message.to_owned();
    };
    let Some(wrong) = quoted(complaint).next() else { return message.to_owned() };
    if !complaint.starts_with("unknown ") {
        return message.to_owned();
    }
    unknown(complaint, wrong, quoted(expected))
}

/// "`complaint`: did you mean …?", or which words there are.
pub fn unknown<'a>(
    complaint: &str,
    wrong: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = nearest(wrong, &known) {
        return format!("{complaint}: did you mean `{near}`?");
    }
    match known.len() {
        0 => format!("{complaint}: there is none"),
        1..=24 => format!("{complaint}: there are `{}`", known.join("`, `")),
        _ => complaint.to_owned(),
    }
}

/// The word that is nearest, if any is near.
pub fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |word: &&str| strsim::damerau_levenshtein(wrong, word);
    let near = known.iter().copied().min_by_key(distance)?;
    (distance(&near) <= (wrong.len() / 3).max(1)).then_some(near)
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Both from 1; the column in characters.
fn line_and_column(text: &str, byte: usize) -> (u32, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_only_when_it_is_near() {
        assert_eq!(nearest("panik", &["alloc", "panic"]), Some("panic"));
        assert_eq!(nearest("simd", &["simd"]), Some("simd"));
        assert_eq!(nearest("vectors", &["alloc", "panic"]), None);
        assert_eq!(nearest("x", &[]), None);
    }

    #[test]
    fn a_complaint_of_the_reader_gets_its_nearest_word() {
        let message = "unknown field `simdd`, expected one of `simd`, `no`";
        assert_eq!(with_nearest(message), "unknown field `simdd`: did you mean `simd`?");
        let message = "unknown field `quick`, expected `simd` or `no`";
        assert_eq!(with_nearest(message), "unknown field `quick`: there are `simd`, `no`");
        assert_eq!(with_nearest("invalid type: x, expected y"), "invalid type: x, expected y");
    }

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "a\nüb\n";
        assert_eq!(line_and_column(text, 0), (1, 1));
        assert_eq!(line_and_column(text, 4), (2, 2));
        assert_eq!(line_and_column(text, 99), (3, 1));
        let error = at("gauge.toml", text, &(4..5), "no");
        assert_eq!(error.to_string(), "gauge.toml:2:2: no");
    }
}
