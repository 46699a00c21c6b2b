//! The command line of a bench's executable.

use std::path::PathBuf;
use std::time::Duration;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Run each bench once.
    Test,
    /// Print the names.
    List,
    /// Measure; for this long, if the command line says so.
    Measure(Option<Duration>),
    /// Run so many iterations and measure nothing.
    Iterate(u64),
}

/// The command line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) filter: Option<String>,
    pub(crate) is_exact: bool,
    /// Where the result goes as JSON.
    pub(crate) out: Option<PathBuf>,
}

/// Criterion's options that have a value, which is no filter.
const WITH_VALUE: [&str; 18] = [
    "--color",
    "--colour",
    "-c",
    "--save-baseline",
    "-s",
    "--baseline",
    "-b",
    "--baseline-lenient",
    "--load-baseline",
    "--format",
    "--profile-time",
    "--sample-size",
    "--warm-up-time",
    "--nresamples",
    "--noise-threshold",
    "--confidence-level",
    "--significance-level",
    "--plotting-backend",
];

impl Options {
    /// Reads the arguments after the program's name. Criterion's and the test harness's other
    /// options mean nothing here.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Self {
        let mut arguments = arguments.into_iter();
        let (mut is_bench, mut is_test, mut is_list) = (false, false, false);
        let (mut time, mut iterations) = (None, None);
        let mut options = Self { mode: Mode::Test, filter: None, is_exact: false, out: None };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--bench" => is_bench = true,
                "--test" => is_test = true,
                "--list" => is_list = true,
                "--exact" => options.is_exact = true,
                "--gauge-out" => options.out = arguments.next().map(PathBuf::from),
                "--gauge-time" => time = number(&mut arguments).map(|ms| ms / 1000.0),
                "--measurement-time" => time = number(&mut arguments),
                "--gauge-iterations" => {
                    iterations = arguments.next().and_then(|text| text.parse().ok());
                }
                other if WITH_VALUE.contains(&other) => drop(arguments.next()),
                other if other.starts_with('-') => {}
                _ => options.filter = Some(argument),
            }
        }
        options.mode = if is_list {
            Mode::List
        } else if let Some(iterations) = iterations {
            Mode::Iterate(iterations)
        } else if is_bench && !is_test {
            Mode::Measure(time.map(Duration::from_secs_f64))
        } else {
            Mode::Test
        };
        options
    }

    /// Whether a bench of this name is meant.
    pub(crate) fn is_wanted(&self, name: &str) -> bool {
        match &self.filter {
            None => true,
            Some(filter) if self.is_exact => filter == name,
            Some(filter) => name.contains(filter.as_str()),
        }
    }
}

fn number(arguments: &mut impl Iterator<Item = String>) -> Option<f64> {
    arguments.next()?.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Options {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn cargo_s_own_calls_are_understood() {
        assert_eq!(parse("").mode, Mode::Test);
        assert_eq!(parse("--test").mode, Mode::Test);
        assert_eq!(parse("--bench").mode, Mode::Measure(None));
        assert_eq!(parse("--bench --test").mode, Mode::Test);
        assert_eq!(parse("--bench --list").mode, Mode::List);
    }

    #[test]
    fn criterion_s_options_are_no_filters() {
        let options = parse("--bench --noplot --save-baseline old -n --sample-size 20 scan");
        assert_eq!(options.filter.as_deref(), Some("scan"));
        assert!(
            options.is_wanted("scan/8")
                && options.is_wanted("prescan")
                && !options.is_wanted("sca")
        );
        let half = Some(Duration::from_millis(500));
        assert_eq!(parse("--bench --measurement-time 0.5").mode, Mode::Measure(half));
    }

    #[test]
    fn gauge_asks_for_one_bench() {
        let options = parse("--bench --exact a/b --gauge-time 50 --gauge-out f.json");
        assert_eq!(options.mode, Mode::Measure(Some(Duration::from_millis(50))));
        assert!(options.is_wanted("a/b") && !options.is_wanted("a/b/c"));
        assert_eq!(options.out, Some(PathBuf::from("f.json")));
        assert_eq!(parse("--bench --gauge-iterations 7").mode, Mode::Iterate(7));
    }
}
