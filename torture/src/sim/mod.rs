//! Campaigns on simulated machines: power cuts, failing calls, damage. All in memory, so that one
//! processor makes thousands of them a second.

mod corrupt;
mod damage;
mod digest;
mod driver;
mod faults;
mod history;
mod lies;
mod look;
mod machine;
mod power;
mod record;
mod salvage;
mod sample;
mod workload;

pub(crate) use corrupt::{CorruptArgs, corrupt};
pub(crate) use faults::{FaultsArgs, faults};
pub(crate) use lies::{LiesArgs, lies};
pub(crate) use power::{PowerArgs, power};

/// Each campaign for a moment; the long runs are `cargo xtask torture …`.
#[cfg(test)]
mod tests {
    use super::corrupt::{CUT_BEFORE, CUT_INSIDE, FLIP_AFTER, FLIP_BEFORE};
    use super::driver::Limits;
    use super::*;
    use crate::report::Report;

    fn check(report: &Report, counts: &[(&str, u64)]) {
        assert!(report.findings().is_empty(), "{:?}", report.findings());
        for (name, least) in counts {
            let count = report.count_of(name);
            assert!(count >= *least, "{count} {name}, {least} expected");
        }
    }

    const KINDS: &[&str] = &["log", "segment", "manifest", "definition"];

    fn limits(cases: Option<u64>, until: Option<u64>) -> Limits {
        Limits { cases, until, threads: Some(2), ..Limits::default() }
    }

    #[test]
    fn power_cuts_lose_nothing() {
        let limits = limits(None, Some(6000));
        let report = power(&PowerArgs { limits, cuts: 1, all_up_to: 40, calls: 25 });
        check(
            &report,
            &[
                ("power cuts", 6000),
                (
                    "power cuts that follow: inside recovery, at its end, after more was written",
                    100,
                ),
                ("power cuts, all outcomes of a moment", 1000),
                ("of them written to, and cut again", 50),
                ("runs replayed to the byte", 1),
            ],
        );
    }

    #[test]
    fn failing_calls_are_told_and_lose_nothing() {
        let report = faults(&FaultsArgs { limits: limits(Some(2), None), step: 23 });
        check(&report, &[("Io once", 80), ("ShortRead for ever", 80), ("errors told", 1000)]);
    }

    #[test]
    fn a_disk_that_lies_about_syncs_invents_nothing() {
        let report = lies(&LiesArgs { limits: limits(Some(2), None), step: 7, cuts: 4 });
        check(
            &report,
            &[
                ("=> an error at opening, which names the file", 20),
                ("=> as it was after an earlier call, said only that a log was not closed", 20),
            ],
        );
    }

    #[test]
    fn a_campaign_that_injects_nothing_has_found_that() {
        let limits = limits(None, Some(0));
        let reports = [
            power(&PowerArgs { limits: limits.clone(), cuts: 1, all_up_to: 40, calls: 25 }),
            faults(&FaultsArgs { limits: limits.clone(), step: 23 }),
            lies(&LiesArgs { limits: limits.clone(), step: 7, cuts: 4 }),
            corrupt(&CorruptArgs { limits, step: 29, salvage_every: 1 }),
        ];
        for report in reports {
            assert!(report.findings()[0].contains("nothing was injected"), "{report:?}");
        }
    }

    #[test]
    fn damage_is_never_silent() {
        let report =
            corrupt(&CorruptArgs { limits: limits(Some(4), None), step: 29, salvage_every: 1 });
        check(
            &report,
            &[
                ("flipped bits", 3000),
                ("truncations", 300),
                ("writes of another log, or place, in a write's place", 10),
                ("pages of removed logs", 2),
                ("=> an error at opening", 1000),
                ("checked and repaired", 3000),
                ("check and repair => all rows", 500),
                ("check and repair => a part, the rest named by the check", 500),
            ],
        );
        // Every cell that there is.
        for (row, columns) in [
            (FLIP_BEFORE, KINDS),
            (CUT_BEFORE, KINDS),
            (FLIP_AFTER, &KINDS[..1]),
            (CUT_INSIDE, &KINDS[..1]),
        ] {
            for column in columns {
                let (held, all) = report.share_of(row, column);
                assert!(held == all && all >= 10, "{row}, {column}: {held} of {all}");
            }
        }
    }
}
