//! Completion of table names, column names and the words of SQL.

use reedline::{Completer, CompletionResult, Span, Suggestion};
use tidemill::Snapshot;

/// Words of SQL and functions that are completed.
const WORDS: [&str; 59] = [
    "ALL",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CROSS",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXISTS",
    "EXPLAIN",
    "ANALYZE",
    "FALSE",
    "FILTER",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "INTERVAL",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "SELECT",
    "SHOW",
    "TABLES",
    "THEN",
    "TRUE",
    "UNION",
    "USING",
    "WHEN",
    "WHERE",
    "WITH",
    "avg",
    "count",
    "date_bin",
    "first_value",
    "last_value",
    "max",
    "min",
    "stddev",
    "sum",
];

/// Completes the word before the cursor.
pub(super) struct Words {
    words: Vec<(String, &'static str)>,
}

impl Words {
    /// The words of SQL and all names of a snapshot.
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let mut words: Vec<(String, &str)> = Vec::new();
        for table in snapshot.tables() {
            let schema = table.schema();
            words.push((quoted(&schema.name), "table"));
            words.extend(schema.tags.iter().map(|tag| (quoted(tag), "tag")));
            words.extend(schema.fields.iter().map(|f| (quoted(&f.name), f.ty.name())));
        }
        words.push(("time".to_owned(), "time"));
        words.extend(WORDS.iter().map(|word| ((*word).to_owned(), "")));
        words.extend(["\\d", "\\timing", "\\q", "\\?"].map(|word| (word.to_owned(), "")));
        words.sort_unstable();
        words.dedup_by(|a, b| a.0 == b.0);
        Self { words }
    }

    /// The words that begin as the one before `cursor` does, in any case, and where that starts.
    fn matches(
        &self,
        line: &str,
        cursor: usize,
    ) -> (usize, impl Iterator<Item = &(String, &'static str)>) {
        let before = line.get(..cursor).unwrap_or(line);
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '\\' | '"' | '?');
        let start = before
            .rfind(|c| !is_part(c))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let prefix = before[start..].trim_start_matches('"').to_lowercase();
        let starts = move |word: &&(String, &str)| {
            !prefix.is_empty() && word.0.trim_start_matches('"').to_lowercase().starts_with(&prefix)
        };
        (start, self.words.iter().filter(starts))
    }
}

impl Completer for Words {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let (start, words) = self.matches(line, pos);
        let suggest = |(word, what): &(String, &str)| Suggestion {
            value: word.clone(),
            description: Some((*what).to_owned()).filter(|what| !what.is_empty()),
            span: Span::new(start, pos.max(start)),
            append_whitespace: false,
            ..Suggestion::default()
        };
        CompletionResult::fresh(words.map(suggest).collect::<Vec<_>>())
    }
}

/// A name as SQL takes it: in quotes if it is no plain word.
fn quoted(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(name));
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidemill::{Options, Store};

    #[test]
    fn names_and_words_complete_in_any_case() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Options::default()).unwrap();
        store.write_line_protocol(b"Load\\ 1,host=a sensor\\ x=1,select=2i 1\n").unwrap();
        let words = Words::new(&store.snapshot());
        let check = |line: &str, want: &[&str]| {
            let (_, found) = words.matches(line, line.len());
            assert_eq!(found.map(|(word, _)| word.as_str()).collect::<Vec<_>>(), want, "{line}");
        };
        check("sel", &["\"select\"", "SELECT"]);
        check("SELECT sens", &["\"sensor x\""]);
        check("SELECT \"Sens", &["\"sensor x\""]);
        check("SELECT avg(hos", &["host"]);
        check("FROM lo", &["\"Load 1\""]);
        check("\\ti", &["\\timing"]);
        check("SELECT ", &[]);
        check("é, ho", &["host"]);
    }
}
