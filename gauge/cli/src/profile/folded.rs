//! Folded stacks: a line a stack, outermost first, with its samples; what flame graph programs read.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;

use super::named::{NO_NAME, Profile};

/// Stacks by their names, outermost first, with samples. The first name is the process's, the second, with `threads`, the
/// thread's; functions that were inlined end in `_[i]`, the kernel's in `_[k]`, as flame graph programs have it.
pub fn fold(profile: &Profile, threads: bool) -> BTreeMap<Vec<String>, u64> {
    let mut folded: BTreeMap<Vec<String>, u64> = BTreeMap::new();
    for ((thread, stack), count) in &profile.recording.counts {
        let thread = &profile.recording.threads[*thread as usize];
        let mut names = vec![thread.process_name.clone()];
        if threads {
            names.push(format!("{} ({})", thread.name, thread.number));
        }
        for place in profile.stacks[*stack as usize].places.iter().rev() {
            let function = profile.function(place.function);
            let mark = match (place.is_inlined, function.object.as_str()) {
                (true, _) => "_[i]",
                (false, "[kernel]") => "_[k]",
                (false, _) => "",
            };
            names.push(match function.name.as_str() {
                NO_NAME => format!("{NO_NAME} in {}", function.object),
                name => format!("{name}{mark}"),
            });
        }
        *folded.entry(names).or_default() += count;
    }
    folded
}

/// Writes them.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(profile: &Profile, threads: bool, out: &mut dyn Write) -> Result<()> {
    for (names, count) in fold(profile, threads) {
        // What separates frames, and lines.
        let names: Vec<String> = names.iter().map(|name| name.replace([';', '\n'], ":")).collect();
        writeln!(out, "{} {count}", names.join(";"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::named::tests::profile;
    use super::*;

    #[test]
    fn lines() {
        let mut profile = profile(&[("main;f;g+", 5), ("main;f", 2)]);
        profile.functions[0].name = "<[T; 3]>::g".to_owned();
        let text = |threads| {
            let mut out = Vec::new();
            write(&profile, threads, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(false), "program;main;f 2\nprogram;main;f;<[T: 3]>::g_[i] 5\n");
        assert!(text(true).contains("program;thread 8 (8);main;f 2\n"), "{}", text(true));
    }
}
