//! What the tests of imports share.
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::Path;

use tidemill::import::{BadRow, ImportOptions, ImportReport, Input, Observer, import};
use tidemill::{Budget, Options, Scan, Store};

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) bad: Vec<String>,
    pub(crate) notes: Vec<String>,
}

impl Observer for Seen {
    fn bad_row(&mut self, row: &BadRow<'_>) -> std::io::Result<()> {
        let text = String::from_utf8_lossy(row.text);
        self.bad.push(format!("{}:{}: {} [{text}]", row.line, row.column, row.reason));
        Ok(())
    }
    fn restart(&mut self) -> std::io::Result<()> {
        self.bad.clear();
        Ok(())
    }
    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }
}

/// A store whose small budget makes chunks small, so that short texts are cut.
pub(crate) fn open(dir: &Path) -> Store {
    Store::open(dir, Options { budget: Budget::new(8 << 20), ..Options::default() }).unwrap()
}

pub(crate) fn load(
    store: &Store,
    name: &str,
    bytes: &[u8],
    options: &ImportOptions,
) -> (Result<ImportReport, tidemill::Error>, Seen) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let mut seen = Seen::default();
    (import(store.inner(), &Input::File(path), options, &mut seen), seen)
}

/// All rows of a table: `tags time values`.
pub(crate) fn rows(store: &Store, table: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for rows in store.scan(table, &Scan::default()).unwrap() {
        let rows = rows.unwrap();
        let tags: Vec<_> =
            rows.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for (row, time) in rows.times.iter().enumerate() {
            let values: Vec<_> = rows.columns.iter().map(|c| format!("{:?}", c.get(row))).collect();
            lines.push(format!("{} {time} {}", tags.join(","), values.join(" ")));
        }
    }
    lines
}
