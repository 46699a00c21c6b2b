use std::error::Error as StdError;
use std::fmt;

use datafusion::common::{DataFusionError, SchemaError};
use datafusion::sql::sqlparser::parser::ParserError;

/// Why a statement has no answer.
///
/// The message is one a person can act on: names are spelled as written, close ones are
/// suggested, and where the parser knows it the place in the statement is given.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    position: Option<Position>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong, for callers that react to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not SQL.
    Syntax,
    /// A statement that reads or writes outside the store, or more than one statement.
    Refused,
    /// A table, column or function that does not exist, or types that do not fit.
    Planning,
    /// An integer result does not fit its type.
    Overflow,
    /// The memory budget is used up.
    Memory,
    /// The store could not be read.
    Store,
    /// A result could not be written, or a file not be read.
    Io,
    /// Anything else that went wrong while the statement ran.
    Execution,
}

/// A place in the text of a statement, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// A result or an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where in the statement, if known.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), position: None, source: None }
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// An error of a lower floor or a library, kept as the source.
    pub(crate) fn wrap(
        kind: ErrorKind,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let source = source.into();
        Self { kind, message: source.to_string(), position: None, source: Some(source) }
    }

    /// An error of the store.
    pub(crate) fn store(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::wrap(ErrorKind::Store, source)
    }

    /// An error of a native plan.
    pub(crate) fn analysis(source: tidemill_analysis::Error) -> Self {
        let kind = match source.kind() {
            tidemill_analysis::ErrorKind::Store(_) => ErrorKind::Store,
            tidemill_analysis::ErrorKind::Memory { .. } => ErrorKind::Memory,
            tidemill_analysis::ErrorKind::SumOverflow { .. } => ErrorKind::Overflow,
            _ => ErrorKind::Execution,
        };
        Self::wrap(kind, source)
    }

    /// With its place as it is in a text without the first line.
    pub(crate) fn one_line_up(mut self) -> Self {
        if let Some(position) = &mut self.position {
            position.line = position.line.saturating_sub(1).max(1);
        }
        self
    }

    fn at(mut self, position: Option<Position>) -> Self {
        self.position = self.position.or(position);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        DataFusionError::from(error).into()
    }
}

impl From<tidemill_memory::OverBudget> for Error {
    fn from(error: tidemill_memory::OverBudget) -> Self {
        Self::wrap(ErrorKind::Memory, error)
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
        let position = span
            .map(|span| Position { line: span.start.line, column: span.start.column })
            .filter(|position| position.line > 0);
        flatten(error).at(position)
    }
}

/// Peels the wrappers DataFusion put around an error, down to the one that says something.
fn flatten(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(inner) => match inner.downcast::<DataFusionError>() {
                Ok(error) => flatten(*error),
                Err(inner) => Error::wrap(ErrorKind::Execution, inner),
            },
        },
        DataFusionError::ArrowError(error, _) => match *error {
            arrow::error::ArrowError::ExternalError(inner) => {
                flatten(DataFusionError::External(inner))
            }
            other => Error::wrap(ErrorKind::Execution, other),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            flatten(*inner)
        }
        DataFusionError::Collection(errors) => match errors.into_iter().next() {
            Some(first) => flatten(first),
            None => Error::new(ErrorKind::Execution, "no error was given"),
        },
        DataFusionError::Shared(inner) => shared(&inner),
        DataFusionError::SQL(error, _) => syntax(&error),
        DataFusionError::SchemaError(error, _) => schema(&error),
        DataFusionError::ResourcesExhausted(message) => Error::new(ErrorKind::Memory, message),
        DataFusionError::Plan(message) | DataFusionError::NotImplemented(message) => {
            Error::new(ErrorKind::Planning, without_report(&message))
        }
        DataFusionError::Configuration(message) => Error::new(ErrorKind::Planning, message),
        // Without the request to report it: a wrong statement may well be the cause.
        DataFusionError::Internal(message) => {
            Error::new(ErrorKind::Execution, without_report(&message))
        }
        other => Error::wrap(ErrorKind::Execution, other),
    }
}

/// What follows DataFusion's request to report a bug, which is what is wrong with the statement;
/// tags by their name.
fn without_report(message: &str) -> String {
    let said = message.rsplit_once("datafusion/issues. ").map_or(message, |(_, said)| said);
    said.replace("Dictionary(Int32, Utf8)", "tag")
}

/// A shared error cannot be taken apart: its parts are copied.
fn shared(error: &DataFusionError) -> Error {
    let root = error.find_root();
    let copy = match root {
        DataFusionError::External(inner) => inner.downcast_ref::<Error>(),
        _ => None,
    };
    match (copy, root) {
        (Some(own), _) => Error { source: None, ..Error::new(own.kind, own.message.clone()) },
        (None, DataFusionError::ResourcesExhausted(message)) => {
            Error::new(ErrorKind::Memory, message.clone())
        }
        _ => Error::new(ErrorKind::Execution, root.message().into_owned()),
    }
}

/// The parser tells the place at the end of its message.
fn syntax(error: &ParserError) -> Error {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => "the statement is nested too deeply",
    };
    let (message, position) = split_position(text);
    Error::new(ErrorKind::Syntax, message).at(position)
}

fn split_position(text: &str) -> (&str, Option<Position>) {
    let parse = || {
        let (message, place) = text.rsplit_once(" at Line: ")?;
        let (line, column) = place.split_once(", Column: ")?;
        let position = Position { line: line.parse().ok()?, column: column.parse().ok()? };
        Some((message, Some(position)))
    };
    parse().unwrap_or((text, None))
}

fn schema(error: &SchemaError) -> Error {
    let SchemaError::FieldNotFound { field, valid_fields } = error else {
        return Error::new(ErrorKind::Planning, error.to_string());
    };
    let names = || valid_fields.iter().map(|column| column.name());
    let mut message = format!("there is no column `{}`", field.name);
    if let Some(relation) = &field.relation {
        message.push_str(&format!(" in `{relation}`"));
    }
    match closest(&field.name, names()) {
        Some(name) => message.push_str(&format!("; did you mean `{name}`?")),
        None if !valid_fields.is_empty() => {
            let names: Vec<_> = names().take(MAX_LISTED_NAMES).collect();
            message.push_str(&format!("; there are: {}", names.join(", ")));
        }
        None => {}
    }
    Error::new(ErrorKind::Planning, message)
}

/// The most names that an error lists.
const MAX_LISTED_NAMES: usize = 30;

/// The name closest to `wanted`, if one is close: at most a third of the letters differ, case
/// aside.
pub(crate) fn closest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    names
        .map(|name| (distance(&wanted, &name.to_lowercase()), name))
        .min()
        .filter(|(distance, name)| *distance <= wanted.len().max(name.len()) / 3)
        .map(|(_, name)| name)
}

/// Edit distance (Levenshtein 1965), over characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_are_suggested_and_far_ones_are_not() {
        let names = ["usage_user", "usage_system", "host"];
        let close = |wanted| closest(wanted, names.into_iter());
        assert_eq!(close("usge_user"), Some("usage_user"));
        assert_eq!(close("HOST"), Some("host"));
        assert_eq!(close("temperature"), None);
    }

    #[test]
    fn the_place_is_taken_out_of_the_parsers_message() {
        let (message, position) = split_position("Expected: x, found: y at Line: 2, Column: 14");
        assert_eq!(message, "Expected: x, found: y");
        assert_eq!(position, Some(Position { line: 2, column: 14 }));
        assert_eq!(split_position("nothing").1, None);
    }
}
