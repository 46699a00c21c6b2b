//! What a campaign injected, and what it found.

use std::process::ExitCode;

/// Counts by name, in the order they were first added, and findings.
#[derive(Debug, Default)]
pub(crate) struct Report {
    counts: Vec<(String, u64)>,
    /// Each says how to replay it.
    findings: Vec<String>,
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
        self.findings.extend(other.findings);
    }

    /// One line a count.
    pub(crate) fn print_counts(&self) {
        for (name, count) in &self.counts {
            println!("{count:>14}  {name}");
        }
        println!("{:>14}  findings", self.findings.len());
    }

    /// One line a count, then the findings.
    pub(crate) fn print(&self) {
        self.print_counts();
        self.findings.iter().for_each(|finding| println!("FOUND: {finding}"));
    }

    /// 1 when something was found.
    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
