//! The interactive shell; from a pipe it reads statements and prints answers.

use std::borrow::Cow;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Instant;

use reedline::{
    ColumnarMenu, Emacs, FileBackedHistory, KeyCode, KeyModifiers, MenuBuilder, Prompt,
    PromptEditMode, PromptHistorySearch, Reedline, ReedlineEvent, ReedlineMenu, Signal,
    ValidationResult, Validator, default_emacs_keybindings,
};
use tidemill::Store;

use super::complete::Words;
use super::enabled::write;
use crate::args::ResultFormat;
use crate::outcome::{Outcome, message, say};
use crate::output::Output;
use crate::render::text;

/// Statements remembered.
const MAX_HISTORY_ENTRIES: usize = 10_000;
const MENU: &str = "completion";

const HELP: &str = "\
SELECT …;   answer a statement, over as many lines as it takes
\\d          tables
\\d TABLE    columns of a table
\\timing     show how long answers take, or don't
\\q          quit (also Ctrl-D)
Tab completes names and words; Ctrl-R searches what was asked before.";

/// Runs until the end of the input. From a pipe the first error ends it.
///
/// # Errors
/// When a terminal cannot be driven, or, from a pipe, a statement is wrong.
pub(crate) fn run(store: &Store) -> anyhow::Result<Outcome> {
    let mut shell = Shell { store, shows_time: true };
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        shell.interact()
    } else {
        shell.shows_time = false;
        shell.read_statements(io::stdin().lock())
    }
}

struct Shell<'a> {
    store: &'a Store,
    shows_time: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Ask,
    Quit,
}

impl Shell<'_> {
    fn interact(&mut self) -> anyhow::Result<Outcome> {
        writeln!(io::stdout(), "tidemill {}: \\? for help", env!("CARGO_PKG_VERSION"))?;
        let mut editor = self.editor()?;
        loop {
            match editor.read_line(&ShellPrompt)? {
                Signal::Success(text) => match self.handle(&text) {
                    Ok(Next::Ask) => {}
                    Ok(Next::Quit) => return Ok(Outcome::Done),
                    Err(error) => say(&message(&error)),
                },
                Signal::CtrlD => return Ok(Outcome::Done),
                _ => {}
            }
        }
    }

    fn editor(&self) -> anyhow::Result<Reedline> {
        let mut keys = default_emacs_keybindings();
        let complete = vec![ReedlineEvent::Menu(MENU.to_owned()), ReedlineEvent::MenuNext];
        keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, ReedlineEvent::UntilFound(complete));
        let menu = Box::new(ColumnarMenu::default().with_name(MENU));
        let editor = Reedline::create()
            .with_completer(Box::new(Words::new(&self.store.snapshot())))
            .with_menu(ReedlineMenu::EngineCompleter(menu))
            .with_edit_mode(Box::new(Emacs::new(keys)))
            .with_validator(Box::new(Statements));
        let Some(path) = history_path() else { return Ok(editor) };
        let history = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .map_err(anyhow::Error::from)
            .and_then(|()| Ok(FileBackedHistory::with_file(MAX_HISTORY_ENTRIES, path.clone())?));
        match history {
            Ok(history) => Ok(editor.with_history(Box::new(history))),
            Err(error) => {
                say(&format!("note: no history in {}: {}", path.display(), message(&error)));
                Ok(editor)
            }
        }
    }

    fn read_statements(&mut self, input: impl BufRead) -> anyhow::Result<Outcome> {
        let mut text = String::new();
        for line in input.lines() {
            text.push_str(&line?);
            text.push('\n');
            if is_complete(&text) && self.handle(&std::mem::take(&mut text))? == Next::Quit {
                return Ok(Outcome::Done);
            }
        }
        self.handle(&text)?;
        Ok(Outcome::Done)
    }

    fn handle(&mut self, text: &str) -> anyhow::Result<Next> {
        if let Some(command) = text.trim().strip_prefix('\\') {
            return self.command(command);
        }
        for statement in split(text) {
            let started = Instant::now();
            let mut stream = self.store.sql_stream(statement)?;
            let mut output = Output::create(None)?;
            let started = self.shows_time.then_some(started);
            write(&mut stream, ResultFormat::Table, &mut output, started)?;
            output.finish()?;
        }
        Ok(Next::Ask)
    }

    fn command(&mut self, command: &str) -> anyhow::Result<Next> {
        let mut out = io::stdout();
        let (name, argument) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        match (name, argument.trim().trim_end_matches(';').trim_matches('"')) {
            ("q", _) => return Ok(Next::Quit),
            ("?", _) => writeln!(out, "{HELP}")?,
            ("timing", _) => {
                self.shows_time = !self.shows_time;
                writeln!(out, "timing is {}", if self.shows_time { "on" } else { "off" })?;
            }
            ("d", "") => self.list_tables(&mut out)?,
            ("d", table) => self.list_columns(table, &mut out)?,
            _ => anyhow::bail!("there is no command \\{name}; \\? lists them"),
        }
        Ok(Next::Ask)
    }

    fn list_tables(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let mut table = text::table(&["table", "rows", "series", "fields"]);
        for view in self.store.snapshot().tables() {
            table.add_row([
                view.name().to_owned(),
                text::count(view.max_rows()),
                text::count(view.series_count().into()),
                text::count(view.schema().fields.len() as u64),
            ]);
        }
        Ok(writeln!(out, "{table}")?)
    }

    fn list_columns(&self, name: &str, out: &mut impl Write) -> anyhow::Result<()> {
        let snapshot = self.store.snapshot();
        let Some(view) = snapshot.table(name) else {
            anyhow::bail!("there is no table `{name}`; \\d lists them");
        };
        let mut table = text::table(&["column", "type"]);
        table.add_row(["time", "timestamp (ns, UTC)"]);
        for tag in &view.schema().tags {
            table.add_row([tag.as_str(), "tag"]);
        }
        for field in &view.schema().fields {
            table.add_row([field.name.as_str(), field.ty.name()]);
        }
        Ok(writeln!(out, "{table}")?)
    }
}

/// Where statements are remembered: `$XDG_STATE_HOME` or `~/.local/state`.
fn history_path() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").filter(|dir| !dir.is_empty());
    let state = state.map(PathBuf::from);
    let state =
        state.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")));
    Some(state?.join("tidemill").join("history"))
}

/// Statements end with a semicolon; commands with their line.
struct Statements;

impl Validator for Statements {
    fn validate(&self, text: &str) -> ValidationResult {
        if is_complete(text) { ValidationResult::Complete } else { ValidationResult::Incomplete }
    }
}

fn is_complete(text: &str) -> bool {
    let text = text.trim();
    let ended = || ends(text).last().is_some_and(|end| is_comment(&text[*end..]));
    text.starts_with('\\') || is_comment(text) || ended()
}

/// Whether nothing stands in a text but comments.
fn is_comment(mut text: &str) -> bool {
    loop {
        text = text.trim_start();
        let end = if text.starts_with("--") {
            text.find('\n').unwrap_or(text.len())
        } else if text.starts_with("/*") {
            match text.find("*/") {
                Some(end) => end + 2,
                None => return false,
            }
        } else {
            return text.is_empty();
        };
        text = &text[end..];
    }
}

/// The statements of a text, without their semicolons.
fn split(text: &str) -> Vec<&str> {
    let mut start = 0;
    let mut statements: Vec<&str> = Vec::new();
    for end in ends(text) {
        statements.push(&text[start..end - 1]);
        start = end;
    }
    statements.push(&text[start..]);
    statements.into_iter().map(str::trim).filter(|statement| !is_comment(statement)).collect()
}

/// Where statements end: behind semicolons that are neither in quotes nor in a comment.
fn ends(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut ends = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = &text[at..];
        at += match byte {
            b'\'' | b'"' => {
                let quote = char::from(*byte);
                rest[1..].find(quote).map_or(rest.len(), |end| end + 2)
            }
            b'-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            b';' => {
                ends.push(at + 1);
                1
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
    }
    ends
}

struct ShellPrompt;

impl Prompt for ShellPrompt {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        "tidemill".into()
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        "".into()
    }

    fn render_prompt_indicator(&self, _mode: PromptEditMode) -> Cow<'_, str> {
        "> ".into()
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        "      -> ".into()
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        format!("(search: {}) ", search.term).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_semicolons_outside_quotes_and_comments() {
        let check = |text: &str, want: &[&str]| assert_eq!(split(text), want, "{text}");
        check("SELECT 1; SELECT 2;", &["SELECT 1", "SELECT 2"]);
        check("SELECT ';';", &["SELECT ';'"]);
        check("SELECT 'it''s;' ;", &["SELECT 'it''s;'"]);
        check("SELECT \"a;b\" -- no; end\n;", &["SELECT \"a;b\" -- no; end"]);
        check("SELECT /* ; */ 1", &["SELECT /* ; */ 1"]);
        check(" ; ;\n", &[]);
        check("SELECT 1; -- done\n/* ; */ ", &["SELECT 1"]);
        check("-- first\nSELECT 1", &["-- first\nSELECT 1"]);
        check("SELECT 'é;", &["SELECT 'é;"]);
    }

    #[test]
    fn a_text_is_complete_at_its_last_semicolon() {
        let check = |text: &str, want: bool| assert_eq!(is_complete(text), want, "{text}");
        check("SELECT 1;", true);
        check("SELECT 1;\n", true);
        check("SELECT 1; -- note", true);
        check("-- note", true);
        check("SELECT 1; /* note", false);
        check("SELECT 1; -- note\nSELECT", false);
        check("SELECT 1", false);
        check("SELECT ';", false);
        check("\\d cpu", true);
        check("", true);
    }
}
