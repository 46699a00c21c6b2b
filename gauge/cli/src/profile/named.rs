//! A recording with names.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::kernel::Kernel;
use super::recording::{BEGINNING, Code, KERNEL, MISSING, NOWHERE, Recording};
use crate::heap::symbols::{self, Frame};

/// Of all places in a file that are in no function with a name.
pub const NO_NAME: &str = "(no name)";

/// In the place of callers that are not known.
pub const NO_CALLER: &str = "(callers not known)";

/// A function, as a file has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Function {
    /// Its path, or [`NO_NAME`].
    pub name: String,
    /// The last part of its file's path.
    pub object: String,
}

/// One place of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which of [`Profile::functions`].
    pub function: u32,
    /// Whether it was inlined into the next one outwards.
    pub is_inlined: bool,
    /// File and line, where there is debug information.
    pub line: Option<(String, u32)>,
}

/// A stack with names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stack {
    /// Innermost first; at least one.
    pub places: Vec<Place>,
    /// How much of it is known.
    pub reach: Reach,
}

/// How far outwards a stack goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// To where a program or a thread begins, or it is the kernel's own work.
    #[default]
    Whole,
    /// Some callers, and then, or between them, some that are not known.
    Cut,
    /// Not even one caller.
    Alone,
}

/// A run with names.
#[derive(Debug)]
pub struct Profile {
    /// What was seen.
    pub recording: Recording,
    /// All functions.
    pub functions: Vec<Function>,
    /// The recording's stacks.
    pub stacks: Vec<Stack>,
}

/// A function's share.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Share {
    /// Which of [`Profile::functions`].
    pub function: u32,
    /// Samples in it.
    pub own: u64,
    /// Samples in it or in what it called.
    pub total: u64,
    /// The line with most of its own samples, and how many.
    pub line: Option<((String, u32), u64)>,
}

impl Profile {
    /// Finds the names.
    pub fn new(recording: Recording) -> Self {
        let places = Places::find(&recording);
        let mut functions = Vec::new();
        let mut numbers: HashMap<Function, u32> = HashMap::new();
        let mut named = |function: Function| {
            *numbers.entry(function).or_insert_with_key(|function| {
                functions.push(function.clone());
                functions.len() as u32 - 1
            })
        };
        let mut stacks = Vec::with_capacity(recording.stacks.len());
        for codes in &recording.stacks {
            let mut stack = Vec::new();
            for code in codes.iter().filter(|code| code.object != BEGINNING) {
                let object = recording.objects.get(code.object as usize);
                let object = object.map_or("", |path| short(path)).to_owned();
                let frames = places.frames(*code);
                for (at, frame) in frames.iter().enumerate() {
                    let name = frame.function.clone();
                    let name = name.unwrap_or_else(|| {
                        if code.object == MISSING { NO_CALLER } else { NO_NAME }.to_owned()
                    });
                    stack.push(Place {
                        function: named(Function { name, object: object.clone() }),
                        is_inlined: at + 1 < frames.len(),
                        line: frame.file.clone().zip(frame.line),
                    });
                }
            }
            stacks.push(Stack { places: stack, reach: Reach::Whole });
        }
        let mut profile = Self { recording, functions, stacks };
        let reaches: Vec<Reach> = (0..profile.stacks.len()).map(|at| profile.reach(at)).collect();
        for (stack, reach) in profile.stacks.iter_mut().zip(reaches) {
            stack.reach = reach;
        }
        profile
    }

    /// The name of a function by its number.
    pub fn function(&self, number: u32) -> &Function {
        &self.functions[number as usize]
    }

    fn reach(&self, stack: usize) -> Reach {
        let codes = &self.recording.stacks[stack];
        let is_file = |code: &&Code| ![KERNEL, MISSING, BEGINNING].contains(&code.object);
        let of_program = codes.iter().filter(is_file).count();
        let has_beginning = codes.last().is_some_and(|code| code.object == BEGINNING);
        if codes.iter().any(|code| code.object == MISSING) {
            return Reach::Cut;
        }
        if of_program == 0 || has_beginning {
            return Reach::Whole;
        }
        let linked = self.stacks[stack].places.iter().rev().filter(|place| !place.is_inlined);
        let mut names = linked.map(|place| self.function(place.function));
        let outermost = names.next();
        let inner = names.next().map(|function| function.name.as_str());
        let is_start = outermost.is_some_and(|function| {
            STARTS.iter().any(|start| function.name.starts_with(start))
                // A library without symbols.
                || is_c_library(&function.object) && inner.is_some_and(|name| CALLED_BY_START.contains(&name))
        });
        match (is_start, of_program) {
            (true, _) => Reach::Whole,
            (false, 1) => Reach::Alone,
            (false, _) => Reach::Cut,
        }
    }

    /// Samples by how far their stacks reach: whole, cut, alone.
    pub fn reaches(&self) -> [u64; 3] {
        let mut sums = [0; 3];
        for ((_, stack), count) in &self.recording.counts {
            let reach = self.stacks[*stack as usize].reach;
            sums[reach as usize] += count;
        }
        sums
    }

    /// Samples of which the innermost place has no name.
    pub fn nameless(&self) -> u64 {
        let is_nameless = |stack: u32| {
            let place = self.stacks[stack as usize].places.first();
            place.is_none_or(|place| self.function(place.function).name == NO_NAME)
        };
        self.recording
            .counts
            .iter()
            .filter(|((_, stack), _)| is_nameless(*stack))
            .map(|(_, n)| n)
            .sum()
    }

    /// The shares of the functions, most own samples first. `inlined`: those that were inlined are functions of their own;
    /// else they are part of the one that they were inlined into, as `perf report` has it.
    pub fn shares(&self, inlined: bool) -> Vec<Share> {
        let mut shares: HashMap<u32, Share> = HashMap::new();
        let mut lines: HashMap<u32, BTreeMap<&(String, u32), u64>> = HashMap::new();
        let mut seen = BTreeSet::new();
        for ((_, stack), &count) in &self.recording.counts {
            let places = &self.stacks[*stack as usize].places;
            let shown = places.iter().filter(|place| inlined || !place.is_inlined);
            seen.clear();
            for (depth, place) in shown.enumerate() {
                let share = shares.entry(place.function).or_default();
                share.function = place.function;
                if depth == 0 {
                    share.own += count;
                    if let Some(line) = own_line(places, place) {
                        *lines.entry(place.function).or_default().entry(line).or_default() += count;
                    }
                }
                if seen.insert(place.function) {
                    share.total += count;
                }
            }
        }
        let mut shares: Vec<Share> = shares.into_values().collect();
        for share in &mut shares {
            let lines = lines.get(&share.function);
            let hottest = lines.and_then(|lines| lines.iter().max_by_key(|(_, count)| **count));
            share.line = hottest.map(|(line, count)| ((*line).clone(), *count));
        }
        let name = |share: &Share| &self.functions[share.function as usize];
        shares.sort_by(|a, b| (b.own, b.total, name(a)).cmp(&(a.own, a.total, name(b))));
        shares
    }

    /// The threads that were sampled, with their samples, most first.
    pub fn threads(&self) -> Vec<(usize, u64)> {
        let mut sums: BTreeMap<u32, u64> = BTreeMap::new();
        for ((thread, _), count) in &self.recording.counts {
            *sums.entry(*thread).or_default() += count;
        }
        let mut threads: Vec<(usize, u64)> =
            sums.into_iter().map(|(thread, count)| (thread as usize, count)).collect();
        threads.sort_by_key(|(thread, count)| (std::cmp::Reverse(*count), *thread));
        threads
    }
}

/// Where programs and threads begin.
const STARTS: [&str; 9] = [
    "_start",
    "__libc_start",
    "start_thread",
    "clone3",
    "__clone",
    "clone",
    "_dl_start",
    "_dl_relocate_static_pie",
    "thread_start",
];

/// What the C library's start calls.
const CALLED_BY_START: [&str; 2] = ["main", "std::sys::thread::unix::Thread::new::thread_start"];

fn is_c_library(object: &str) -> bool {
    ["libc.", "libc-", "libpthread", "ld-"].iter().any(|start| object.starts_with(start))
}

/// Of what was inlined into a place, or the place itself, the innermost line that is not the language's library.
fn own_line<'a>(places: &'a [Place], place: &'a Place) -> Option<&'a (String, u32)> {
    let end = places.iter().position(|one| std::ptr::eq(one, place))?;
    let mut lines = places.get(..=end)?.iter().filter_map(|place| place.line.as_ref());
    let is_own = |file: &str| !file.starts_with("/rustc/") && !file.contains("/rustlib/src/");
    let first = lines.clone().next();
    lines.find(|(file, _)| is_own(file)).or(first)
}

/// The last part of a path.
pub fn short(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Frames by code.
struct Places(HashMap<Code, Vec<Frame>>);

impl Places {
    fn find(recording: &Recording) -> Self {
        let mut wanted: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
        for code in recording.stacks.iter().flatten() {
            wanted.entry(code.object).or_default().insert(code.offset);
        }
        let mut found = HashMap::new();
        for (object, offsets) in wanted {
            let path = recording.objects.get(object as usize).map_or("", String::as_str);
            let mut frames = match object {
                KERNEL => kernel_frames(&offsets),
                NOWHERE | MISSING | BEGINNING => HashMap::new(),
                _ => symbols::in_file(path, offsets.iter().copied()),
            };
            for offset in offsets {
                let known = frames.remove(&offset);
                let frames = known.unwrap_or_else(|| vec![Frame::unknown(path, offset)]);
                found.insert(Code { object, offset }, frames);
            }
        }
        Self(found)
    }

    fn frames(&self, code: Code) -> &[Frame] {
        self.0.get(&code).map_or(&[], Vec::as_slice)
    }
}

fn kernel_frames(addresses: &BTreeSet<u64>) -> HashMap<u64, Vec<Frame>> {
    let kernel = Kernel::read();
    let frame = |address: u64| {
        let function = kernel.function(address).map(str::to_owned);
        // All that is hidden is one function: its addresses say nothing.
        let function = function.or_else(|| kernel.is_hidden().then(|| "[kernel]".to_owned()));
        (address, vec![Frame { function, ..Frame::unknown("[kernel]", address) }])
    };
    addresses.iter().map(|address| frame(*address)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::profile::recording::Thread;

    /// A profile of stacks `outer;inner` with counts, in thread 0; `inner` may be `name+` for inlined.
    pub(in crate::profile) fn profile(stacks: &[(&str, u64)]) -> Profile {
        let thread = |number| Thread {
            process: 7,
            number,
            name: format!("thread {number}"),
            process_name: "program".to_owned(),
            since_ns: 1_000_000,
        };
        let mut recording =
            Recording { threads: vec![thread(7), thread(8)], ..Recording::default() };
        let (mut functions, mut named) = (Vec::<Function>::new(), Vec::new());
        for (at, (stack, count)) in stacks.iter().enumerate() {
            let mut places = Vec::new();
            for word in stack.split(';').rev() {
                let name = word.trim_end_matches('+').to_owned();
                let function = Function { name, object: "program".to_owned() };
                let number = functions.iter().position(|one| *one == function);
                let number = number.unwrap_or_else(|| {
                    functions.push(function);
                    functions.len() - 1
                });
                let line = Some((format!("/src/{word}.rs"), at as u32 + 1));
                let is_inlined = word.ends_with('+');
                places.push(Place { function: number as u32, is_inlined, line });
            }
            named.push(Stack { places, reach: Reach::Whole });
            recording.stacks.push(vec![Code { object: 9, offset: at as u64 }]);
            recording.counts.insert((at as u32 % 2, at as u32), *count);
            recording.samples += count;
        }
        Profile { recording, functions, stacks: named }
    }

    #[test]
    fn shares_of_recursive_and_inlined_functions() {
        let profile = profile(&[("main;f;g;f", 5), ("main;f;h+", 3), ("main", 2)]);
        let shares = |inlined| {
            let shares = profile.shares(inlined).into_iter();
            let row = |s: Share| (profile.function(s.function).name.clone(), s.own, s.total);
            shares.map(row).collect::<Vec<_>>()
        };
        let row = |name: &str, own, total| (name.to_owned(), own, total);
        assert_eq!(shares(false), [row("f", 8, 8), row("main", 2, 10), row("g", 0, 5)]);
        let inlined = [row("f", 5, 8), row("h", 3, 3), row("main", 2, 10), row("g", 0, 5)];
        assert_eq!(shares(true), inlined);
        let hottest = profile.shares(false)[0].line.clone();
        assert_eq!(hottest, Some((("/src/f.rs".to_owned(), 1), 5)));
        assert_eq!(profile.threads(), [(0, 7), (1, 3)]);
    }

    #[test]
    fn how_far_a_stack_reaches() {
        let reach = |stack: &str, object: &str| {
            let mut profile = profile(&[(stack, 1)]);
            let words = stack.split(';').count() as u64;
            profile.recording.stacks[0] =
                (0..words).map(|offset| Code { object: 9, offset }).collect();
            profile.functions.last_mut().unwrap().object = object.to_owned();
            profile.reach(0)
        };
        assert_eq!(reach("_start;main;f", "program"), Reach::Whole);
        assert_eq!(reach("start_thread;f", "libc.so.6"), Reach::Whole);
        assert_eq!(reach("(no name);main;f", "libc.so.6"), Reach::Whole);
        assert_eq!(reach("(no name);f", "libc.so.6"), Reach::Cut);
        assert_eq!(reach("main;f", "program"), Reach::Cut);
        assert_eq!(reach("f", "program"), Reach::Alone);
    }
}
