//! What a campaign injected, and what it found.

use std::fmt::{self, Display};
use std::process::ExitCode;

/// The command that does again what a finding was found by.
#[derive(Clone, Debug)]
pub(crate) struct Replay(String);

impl Replay {
    /// That of a campaign.
    pub(crate) fn new(campaign: &str) -> Self {
        Self(format!("cargo xtask torture {campaign}"))
    }

    /// With an option.
    pub(crate) fn with(mut self, name: &str, value: impl Display) -> Self {
        let value = value.to_string();
        let is_word = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
        let quote = if is_word { "" } else { "'" };
        self.0.push_str(&format!(" --{name} {quote}{value}{quote}"));
        self
    }

    /// With an option, if it has not its default.
    pub(crate) fn option<T: Display + PartialEq>(self, name: &str, value: T, default: T) -> Self {
        if value == default { self } else { self.with(name, value) }
    }

    /// With a flag, if it is set.
    pub(crate) fn flag(mut self, name: &str, is_set: bool) -> Self {
        if is_set {
            self.0.push_str(&format!(" --{name}"));
        }
        self
    }
}

impl Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Counts by name, in the order they were first added, and findings.
#[derive(Debug, Default)]
pub(crate) struct Report {
    counts: Vec<(String, u64)>,
    /// What must hold of every case there is: how many did, of how many.
    shares: Vec<Share>,
    /// Parts that could not run, and why.
    skipped: Vec<String>,
    /// Each says how to replay it.
    findings: Vec<String>,
}

#[derive(Debug)]
struct Share {
    row: &'static str,
    column: String,
    held: u64,
    all: u64,
}

impl Report {
    /// Adds to the count of that name.
    pub(crate) fn count(&mut self, name: &str, by: u64) {
        match self.counts.iter_mut().find(|(known, _)| known == name) {
            Some((_, count)) => *count += by,
            None => self.counts.push((name.to_owned(), by)),
        }
    }

    /// Notes something that must not be.
    pub(crate) fn finding(&mut self, what: impl Into<String>) {
        self.findings.push(what.into());
    }

    /// Notes a case of which something must hold, and whether it did: a cell of the cross table.
    pub(crate) fn share(&mut self, row: &'static str, column: &str, held: bool) {
        self.add_share(row, column, u64::from(held), 1);
    }

    fn add_share(&mut self, row: &'static str, column: &str, held: u64, all: u64) {
        match self.shares.iter_mut().find(|share| share.row == row && share.column == column) {
            Some(share) => (share.held, share.all) = (share.held + held, share.all + all),
            None => self.shares.push(Share { row, column: column.to_owned(), held, all }),
        }
    }

    /// Of how many cases something held, and how many there were.
    #[cfg(test)]
    pub(crate) fn share_of(&self, row: &str, column: &str) -> (u64, u64) {
        let share = self.shares.iter().find(|share| share.row == row && share.column == column);
        share.map_or((0, 0), |share| (share.held, share.all))
    }

    /// Notes a part that could not run, and why.
    pub(crate) fn skip(&mut self, what: impl Into<String>) {
        self.skipped.push(what.into());
    }

    /// What was found.
    pub(crate) fn findings(&self) -> &[String] {
        &self.findings
    }

    /// The count of that name.
    #[allow(dead_code, reason = "shared by several campaigns")]
    pub(crate) fn count_of(&self, name: &str) -> u64 {
        self.counts.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count)
    }

    /// Adds what another part of the same campaign counted and found.
    pub(crate) fn add(&mut self, other: Self) {
        other.counts.iter().for_each(|(name, by)| self.count(name, *by));
        for Share { row, column, held, all } in other.shares {
            self.add_share(row, &column, held, all);
        }
        self.skipped.extend(other.skipped);
        self.findings.extend(other.findings);
    }

    /// One line a count, the cross table, what was skipped.
    pub(crate) fn print_counts(&self) {
        for (name, count) in &self.counts {
            println!("{count:>14}  {name}");
        }
        self.print_shares();
        println!("{:>14}  parts skipped", self.skipped.len());
        self.skipped.iter().for_each(|part| println!("skipped: {part}"));
        println!("{:>14}  findings", self.findings.len());
    }

    /// The counts, then the findings.
    pub(crate) fn print(&self) {
        self.print_counts();
        self.findings.iter().for_each(|finding| println!("FOUND: {finding}"));
        for Share { row, column, held, all } in self.broken_shares() {
            println!("FOUND: {row}, {column}: {held} of {all}");
        }
    }

    fn print_shares(&self) {
        let (mut rows, mut columns): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        for share in &self.shares {
            if !rows.contains(&share.row) {
                rows.push(share.row);
            }
            if !columns.contains(&&*share.column) {
                columns.push(&share.column);
            }
        }
        rows.sort_unstable();
        columns.sort_unstable();
        if rows.is_empty() {
            return;
        }
        let heads = columns.iter().map(|column| format!("{column:>21}"));
        println!("{:>56}{}", "", heads.collect::<String>());
        for row in rows {
            let cell = |column: &&str| {
                let share = self.shares.iter().find(|s| s.row == row && s.column == *column);
                let text = share.map_or("-".to_owned(), |s| format!("{} of {}", s.held, s.all));
                format!("{text:>21}")
            };
            println!("{row:>56}{}", columns.iter().map(cell).collect::<String>());
        }
    }

    fn broken_shares(&self) -> impl Iterator<Item = &Share> {
        self.shares.iter().filter(|share| share.held < share.all)
    }

    /// 1 when something was found.
    pub(crate) fn exit_code(&self) -> ExitCode {
        let is_fine = self.findings.is_empty() && self.broken_shares().next().is_none();
        if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_is_the_whole_command() {
        let replay = Replay::new("power").option("cuts", 5, 3).option("calls", 40, 40);
        let replay = replay.flag("quick", true).flag("slow", false).with("only", "a full disk");
        let want = "cargo xtask torture power --cuts 5 --quick --only 'a full disk'";
        assert_eq!(replay.to_string(), want);
    }
}
