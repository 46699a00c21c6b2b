//! The Firefox Profiler's format (profiler.firefox.com, "Load a profile from file"): all samples with their time, by thread.

use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use fxprof_processed_profile::{
    CategoryColor, CategoryHandle, CpuDelta, Frame, FrameFlags, FrameInfo, ProcessHandle,
    Profile as Output, SamplingInterval, StackHandle, ThreadHandle, Timestamp,
};

use super::named::{NO_NAME, Place, Profile};

/// Writes it. `began_ns`: of `CLOCK_MONOTONIC`; `started`: the same as a date.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(
    profile: &Profile,
    product: &str,
    frequency: u32,
    began_ns: u64,
    started: SystemTime,
    out: &mut dyn Write,
) -> Result<()> {
    let interval = SamplingInterval::from_hz(frequency as f32);
    let mut output = Output::new(product, started.into(), interval);
    let categories = [("User", CategoryColor::Yellow), ("Kernel", CategoryColor::Orange)];
    let categories = categories.map(|(name, colour)| output.add_category(name, colour));
    output.set_symbolicated(true);
    let threads = add_threads(profile, began_ns, &mut output);
    let mut stacks: HashMap<(u32, u32), Option<StackHandle>> = HashMap::new();
    let period = CpuDelta::from(Duration::from_secs(1) / frequency.max(1));
    for sample in &profile.recording.timed {
        let Some(thread) = threads.get(&sample.thread).copied() else { continue };
        let stack = *stacks.entry((sample.thread, sample.stack)).or_insert_with(|| {
            let places = &profile.stacks[sample.stack as usize].places;
            let frames: Vec<FrameInfo> = places
                .iter()
                .rev()
                .map(|place| frame(profile, place, categories, &mut output))
                .collect();
            output.intern_stack_frames(thread, frames.into_iter())
        });
        output.add_sample(thread, since(began_ns, sample.at_ns), stack, period, 1);
    }
    serde_json::to_writer(&mut *out, &output)?;
    Ok(writeln!(out)?)
}

fn since(began_ns: u64, at_ns: u64) -> Timestamp {
    Timestamp::from_nanos_since_reference(at_ns.saturating_sub(began_ns))
}

fn add_threads(
    profile: &Profile,
    began_ns: u64,
    output: &mut Output,
) -> HashMap<u32, ThreadHandle> {
    let mut processes: HashMap<(u32, &str), ProcessHandle> = HashMap::new();
    let mut threads = HashMap::new();
    let mut sampled: Vec<usize> = profile.threads().into_iter().map(|(thread, _)| thread).collect();
    sampled.sort_unstable();
    for at in sampled {
        let thread = &profile.recording.threads[at];
        let start = since(began_ns, thread.since_ns);
        let name = thread.process_name.as_str();
        let process = *processes
            .entry((thread.process, name))
            .or_insert_with(|| output.add_process(name, thread.process, start));
        let is_main = thread.process == thread.number;
        let handle = output.add_thread(process, thread.number, start, is_main);
        output.set_thread_name(handle, &thread.name);
        threads.insert(at as u32, handle);
    }
    threads
}

fn frame(
    profile: &Profile,
    place: &Place,
    [user, kernel]: [CategoryHandle; 2],
    output: &mut Output,
) -> FrameInfo {
    let function = profile.function(place.function);
    let name = match function.name.as_str() {
        NO_NAME => format!("{NO_NAME} in {}", function.object),
        name => name.to_owned(),
    };
    let category = if function.object == "[kernel]" { kernel } else { user };
    FrameInfo {
        frame: Frame::Label(output.intern_string(&name)),
        category_pair: category.into(),
        flags: FrameFlags::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::named::tests::profile;
    use super::super::recording::Timed;
    use super::*;

    #[test]
    fn samples_with_their_time_by_thread() {
        let mut profile = profile(&[("main;f", 2), ("main;g", 1)]);
        let timed = |at_ns, thread, stack| Timed { at_ns, thread, stack };
        profile.recording.timed =
            vec![timed(1_500_000, 0, 0), timed(2_500_000, 1, 1), timed(3_000_000, 0, 0)];
        let mut out = Vec::new();
        write(&profile, "program", 1000, 500_000, SystemTime::UNIX_EPOCH, &mut out).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let threads = json["threads"].as_array().unwrap();
        let of = |number: &str| threads.iter().find(|thread| thread["tid"] == number).unwrap();
        let first = of("7");
        assert_eq!(
            (first["isMainThread"].as_bool(), first["pid"].as_str()),
            (Some(true), Some("7"))
        );
        assert_eq!(first["samples"]["length"], 2);
        assert_eq!(of("8")["samples"]["length"], 1);
        assert_eq!(first["samples"]["stack"][0], first["samples"]["stack"][1]);
        let text = String::from_utf8(out).unwrap();
        assert!(["\"main\"", "\"f\"", "\"g\""].iter().all(|name| text.contains(name)), "{text}");
    }
}
