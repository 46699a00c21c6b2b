//! What was seen of a run: threads, and stacks as places in files.

use std::collections::{BTreeMap, HashMap};

use gauge_probe::perf::{CONTEXT_MARKERS, Mapped, Record, Registers, Sample, Taken};

use super::unwind::Rules;
use super::walk::{Seen, walk};

/// Samples that are kept with their time, for the timeline; all count.
pub const MAX_TIMED_SAMPLES: usize = 20_000_000;
/// Places that the distinct stacks may have in all (each is kept twice, at 16 bytes).
const MAX_PLACES: usize = 16 << 20;

/// The number of the kernel in [`Recording::objects`].
pub const KERNEL: u32 = 0;
/// The number of what is in no file.
pub const NOWHERE: u32 = 1;
/// The number that stands for callers that are not known.
pub const MISSING: u32 = 2;
/// The number that stands for where a program or thread began: nothing called it.
pub const BEGINNING: u32 = 3;
const NO_FILES: [&str; 4] = ["[kernel]", "[unknown]", "[missing]", "[beginning]"];

/// A place: an offset in a file, an address of the kernel. That of a caller is within its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// Which of [`Recording::objects`].
    pub object: u32,
    /// The offset in it.
    pub offset: u64,
}

/// A thread, from its start or an `exec` on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The process's number.
    pub process: u32,
    /// The thread's; that of the process if it is its first.
    pub number: u32,
    /// Its last name.
    pub name: String,
    /// The name of the process's first thread.
    pub process_name: String,
    /// When it was first seen, nanoseconds of `CLOCK_MONOTONIC`.
    pub since_ns: u64,
}

/// A sample with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timed {
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub at_ns: u64,
    /// Which of [`Recording::threads`].
    pub thread: u32,
    /// Which of [`Recording::stacks`].
    pub stack: u32,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Recording {
    /// Files by number; the first are none: [`KERNEL`], [`NOWHERE`], [`MISSING`], [`BEGINNING`].
    pub objects: Vec<String>,
    /// All that were sampled.
    pub threads: Vec<Thread>,
    /// Innermost first.
    pub stacks: Vec<Vec<Code>>,
    /// Samples by thread and stack.
    pub counts: BTreeMap<(u32, u32), u64>,
    /// The first [`MAX_TIMED_SAMPLES`], in order.
    pub timed: Vec<Timed>,
    /// All samples.
    pub samples: u64,
    /// Records that had no room.
    pub lost: u64,
    /// Samples whose callers had no room among the distinct stacks.
    pub shortened: u64,
    /// How often the kernel sampled less for a while.
    pub throttled: u64,
}

/// What is executable of a process, by address.
#[derive(Debug, Clone, Default)]
struct Maps(BTreeMap<u64, Mapping>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mapping {
    end: u64,
    offset: u64,
    object: u32,
}

/// Puts records together, which come ring by ring, into a recording, in the order of time.
#[derive(Debug)]
pub struct Recorder {
    recording: Recording,
    waiting: Vec<(u64, Event)>,
    processes: HashMap<u32, Process>,
    running: HashMap<(u32, u32), u32>,
    object_numbers: HashMap<String, u32>,
    stack_numbers: HashMap<Vec<Code>, u32>,
    /// Places that stacks may still have.
    room: usize,
    rules: Rules,
}

#[derive(Debug, Clone, Default)]
struct Process {
    maps: Maps,
    name: String,
}

/// A record of its own.
#[derive(Debug)]
enum Event {
    Sample { taken: Taken, chain: Vec<u64>, registers: Option<Registers>, copy: Vec<u8> },
    Mapped { process: u32, start: u64, mapping: Mapping },
    Named { taken: Taken, name: String, exec: bool },
    Forked { taken: Taken, parent: u32 },
    Ended(Taken),
}

impl Default for Recorder {
    fn default() -> Self {
        let objects = NO_FILES.map(str::to_owned).to_vec();
        Self {
            recording: Recording { objects, ..Recording::default() },
            waiting: Vec::new(),
            processes: HashMap::new(),
            running: HashMap::new(),
            object_numbers: HashMap::new(),
            stack_numbers: HashMap::new(),
            room: MAX_PLACES,
            rules: Rules::default(),
        }
    }
}

impl Recorder {
    /// Takes a record.
    pub fn add(&mut self, record: Record<'_>) {
        let (at_ns, event) = match record {
            Record::Sample(sample) => (sample.taken.at_ns, own(&sample)),
            Record::Mapped(mapped) => (mapped.taken.at_ns, self.own_mapping(&mapped)),
            Record::Named { taken, name, exec } => {
                let name = String::from_utf8_lossy(name).into_owned();
                (taken.at_ns, Event::Named { taken, name, exec })
            }
            Record::Forked { taken, parent } => (taken.at_ns, Event::Forked { taken, parent }),
            Record::Ended(taken) => (taken.at_ns, Event::Ended(taken)),
            Record::Lost(count) => return self.recording.lost += count,
            Record::Throttled => return self.recording.throttled += 1,
            Record::Other => return,
        };
        self.waiting.push((at_ns, event));
    }

    /// Counts what was taken before a time: nothing older may come any more.
    pub fn settle(&mut self, before_ns: u64) {
        self.waiting.sort_by_key(|(at_ns, _)| *at_ns);
        let ready = self.waiting.partition_point(|(at_ns, _)| *at_ns < before_ns);
        let rest = self.waiting.split_off(ready);
        for (_, event) in std::mem::replace(&mut self.waiting, rest) {
            self.apply(event);
        }
    }

    /// What was seen.
    pub fn finish(mut self) -> Recording {
        self.settle(u64::MAX);
        self.recording
    }

    fn own_mapping(&mut self, mapped: &Mapped<'_>) -> Event {
        let path = String::from_utf8_lossy(mapped.path);
        let object = self.object(&path);
        let end = mapped.start.saturating_add(mapped.bytes);
        let mapping = Mapping { end, offset: mapped.offset, object };
        Event::Mapped { process: mapped.taken.process, start: mapped.start, mapping }
    }

    fn object(&mut self, path: &str) -> u32 {
        if let Some(number) = self.object_numbers.get(path) {
            return *number;
        }
        let number = self.recording.objects.len() as u32;
        self.recording.objects.push(path.to_owned());
        self.object_numbers.insert(path.to_owned(), number);
        number
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Sample { taken, chain, registers, copy } => {
                self.count(taken, &chain, registers, &copy);
            }
            Event::Mapped { process, start, mapping } => {
                self.processes.entry(process).or_default().maps.insert(start, mapping);
            }
            Event::Named { taken, name, exec } => self.rename(taken, &name, exec),
            Event::Forked { taken, parent } => {
                // A number is used again.
                self.running.remove(&(taken.process, taken.thread));
                if taken.process != parent {
                    let process = self.processes.get(&parent).cloned().unwrap_or_default();
                    self.processes.insert(taken.process, process);
                }
            }
            Event::Ended(taken) => {
                self.running.remove(&(taken.process, taken.thread));
            }
        }
    }

    fn rename(&mut self, taken: Taken, name: &str, exec: bool) {
        let process = self.processes.entry(taken.process).or_default();
        if exec {
            process.maps.0.clear();
            // What it did as another program is another thread's.
            self.running.retain(|(process, _), _| *process != taken.process);
        }
        if taken.process == taken.thread {
            process.name = name.to_owned();
        }
        let known = self.running.get(&(taken.process, taken.thread));
        if let Some(thread) = known.and_then(|at| self.recording.threads.get_mut(*at as usize)) {
            thread.name = name.to_owned();
        }
        if !exec && taken.process != taken.thread {
            self.thread(taken).name = name.to_owned();
        }
    }

    fn thread(&mut self, taken: Taken) -> &mut Thread {
        let threads = &mut self.recording.threads;
        let number = *self.running.entry((taken.process, taken.thread)).or_insert_with(|| {
            let name = self.processes.get(&taken.process).map(|process| process.name.clone());
            let name = name.unwrap_or_default();
            threads.push(Thread {
                process: taken.process,
                number: taken.thread,
                process_name: name.clone(),
                name,
                since_ns: taken.at_ns,
            });
            threads.len() as u32 - 1
        });
        &mut threads[number as usize]
    }

    fn count(&mut self, taken: Taken, chain: &[u64], registers: Option<Registers>, copy: &[u8]) {
        self.thread(taken);
        let thread = self.running.get(&(taken.process, taken.thread)).copied().unwrap_or_default();
        let process = self.processes.entry(taken.process).or_default();
        let (mut stack, of_program) = split(chain);
        match registers.filter(|_| !of_program.is_empty()) {
            Some(registers) => {
                let (objects, rules) = (&self.recording.objects, &mut self.rules);
                let path =
                    |code: Code| objects.get(code.object as usize).map_or("", String::as_str);
                let seen = Seen { registers, stack: copy, chain: of_program };
                let place = |address| process.maps.place(address);
                stack.extend(walk(seen, place, |code| rules.of(code, path(code))));
            }
            None => stack.extend(process.maps.callers(of_program)),
        }
        let is_long = stack.len() > self.room.max(1);
        if is_long && !self.stack_numbers.contains_key(&stack) {
            // There are as many of these as there are places that were running.
            stack.truncate(1);
            stack.push(Code { object: MISSING, offset: 0 });
            self.recording.shortened += 1;
        }
        let (stacks, room) = (&mut self.recording.stacks, &mut self.room);
        let stack = *self.stack_numbers.entry(stack).or_insert_with_key(|stack| {
            stacks.push(stack.clone());
            *room = room.saturating_sub(stack.len());
            stacks.len() as u32 - 1
        });
        *self.recording.counts.entry((thread, stack)).or_default() += 1;
        self.recording.samples += 1;
        if self.recording.timed.len() < MAX_TIMED_SAMPLES {
            self.recording.timed.push(Timed { at_ns: taken.at_ns, thread, stack });
        }
    }
}

fn own(sample: &Sample<'_>) -> Event {
    Event::Sample {
        taken: sample.taken,
        chain: sample.chain().collect(),
        registers: sample.registers,
        copy: sample.stack.to_vec(),
    }
}

impl Maps {
    /// Maps something, in the place of what was there.
    fn insert(&mut self, start: u64, mapping: Mapping) {
        let below = self.0.range(..mapping.end).rev();
        let hit: Vec<(u64, Mapping)> =
            below.take_while(|(_, old)| old.end > start).map(|(at, old)| (*at, *old)).collect();
        for (at, old) in hit {
            self.0.remove(&at);
            if at < start {
                self.0.insert(at, Mapping { end: start, ..old });
            }
            if old.end > mapping.end {
                let offset = old.offset + (mapping.end - at);
                self.0.insert(mapping.end, Mapping { offset, ..old });
            }
        }
        self.0.insert(start, mapping);
    }

    fn place(&self, address: u64) -> Code {
        let found = self.0.range(..=address).next_back();
        match found.filter(|(_, mapping)| address < mapping.end) {
            Some((start, mapping)) => {
                Code { object: mapping.object, offset: address - start + mapping.offset }
            }
            None => Code { object: NOWHERE, offset: address },
        }
    }

    /// The places of an instruction and the return addresses that frame pointers led to.
    fn callers(&self, chain: &[u64]) -> Vec<Code> {
        let places = chain.iter().enumerate().map(|(depth, &address)| {
            // A return address is behind its call.
            self.place(if depth == 0 { address } else { address.saturating_sub(1) })
        });
        let mut depth = 0;
        let is_code = |place: &Code| {
            depth += 1;
            // Else it is whatever lay where a frame pointer led.
            place.object != NOWHERE || depth == 1
        };
        places.take_while(is_code).collect()
    }
}

/// A chain's places in the kernel, and what it has of the program.
fn split(chain: &[u64]) -> (Vec<Code>, &[u64]) {
    let is_marker = |address: &u64| *address >= CONTEXT_MARKERS;
    let mut of_kernel = Vec::new();
    let mut of_program: &[u64] = &[];
    // Each marker with what follows it.
    for part in chain.chunk_by(|_, next| !is_marker(next)) {
        let Some((marker, addresses)) = part.split_first() else { continue };
        if *marker == CONTEXT_KERNEL {
            let code = |(depth, address): (usize, &u64)| Code {
                object: KERNEL,
                offset: if depth == 0 { *address } else { address.saturating_sub(1) },
            };
            of_kernel.extend(addresses.iter().enumerate().map(code));
        } else {
            of_program = if is_marker(marker) { addresses } else { part };
        }
    }
    (of_kernel, of_program)
}

/// What the kernel writes before its own addresses.
const CONTEXT_KERNEL: u64 = 128u64.wrapping_neg();

#[cfg(test)]
mod tests {
    use super::*;

    const USER: u64 = 512u64.wrapping_neg();

    fn taken(process: u32, thread: u32, at_ns: u64) -> Taken {
        Taken { process, thread, at_ns }
    }

    fn mapped(at: Taken, start: u64, bytes: u64, offset: u64, path: &[u8]) -> Record<'_> {
        Record::Mapped(Mapped { taken: at, start, bytes, offset, path })
    }

    #[test]
    fn a_mapping_displaces_what_was_there() {
        let mut maps = Maps::default();
        let mapping = |end, offset, object| Mapping { end, offset, object };
        maps.insert(100, mapping(200, 1000, 2));
        maps.insert(120, mapping(140, 0, 3));
        let at = |address| (maps.place(address).object, maps.place(address).offset);
        assert_eq!(at(99), (NOWHERE, 99));
        assert_eq!([at(100), at(119)], [(2, 1000), (2, 1019)]);
        assert_eq!([at(120), at(139)], [(3, 0), (3, 19)]);
        assert_eq!([at(140), at(199)], [(2, 1040), (2, 1099)]);
        assert_eq!(at(200), (NOWHERE, 200));
        maps.insert(50, mapping(300, 0, 4));
        assert_eq!(maps.0.len(), 1);
    }

    #[test]
    fn callers_are_within_their_calls_and_interrupted_places_are_not() {
        let mut maps = Maps::default();
        maps.insert(100, Mapping { end: 200, offset: 0, object: 2 });
        let (mut places, of_program) =
            split(&[CONTEXT_KERNEL, 5000, 6000, USER, 110, 120, 10, 130]);
        places.extend(maps.callers(of_program));
        let pairs: Vec<_> = places.iter().map(|code| (code.object, code.offset)).collect();
        assert_eq!(pairs, [(KERNEL, 5000), (KERNEL, 5999), (2, 10), (2, 19)]);
    }

    #[test]
    fn stacks_without_room_keep_what_was_running() {
        let mut recorder = Recorder { room: 3, ..Recorder::default() };
        let chain = |at_ns, caller| {
            let (taken, chain) = (taken(7, 7, at_ns), vec![USER, 110, caller]);
            (at_ns, Event::Sample { taken, chain, registers: None, copy: Vec::new() })
        };
        recorder.add(mapped(taken(7, 7, 1), 100, 100, 0, b"/a"));
        recorder.waiting.extend([chain(2, 120), chain(3, 130), chain(4, 140), chain(5, 120)]);
        let seen = recorder.finish();
        assert_eq!((seen.samples, seen.shortened), (4, 2));
        let [whole, short] = &seen.stacks[..] else { panic!("{:?}", seen.stacks) };
        assert_eq!((whole[0], short[0]), (short[0], whole[0]));
        assert_eq!(short[1].object, MISSING);
        assert_eq!(seen.counts.values().copied().collect::<Vec<_>>(), [2, 2]);
    }

    #[test]
    fn records_out_of_order_are_put_in_order() {
        let mut recorder = Recorder::default();
        let chain = |at_ns, process, thread| {
            let (taken, chain) = (taken(process, thread, at_ns), vec![USER, 110]);
            (at_ns, Event::Sample { taken, chain, registers: None, copy: Vec::new() })
        };
        let named = |at, name, exec| Record::Named { taken: at, name, exec };
        // A ring with the samples, then one with what happened before and between them.
        recorder.waiting.extend([
            chain(20, 7, 7),
            chain(40, 7, 7),
            chain(60, 8, 8),
            chain(80, 7, 9),
        ]);
        recorder.add(named(taken(7, 7, 1), b"first", true));
        recorder.add(mapped(taken(7, 7, 2), 100, 100, 0, b"/first"));
        recorder.add(named(taken(7, 7, 30), b"second", true));
        recorder.add(mapped(taken(7, 7, 31), 100, 100, 0, b"/second"));
        recorder.add(Record::Forked { taken: taken(8, 8, 50), parent: 7 });
        recorder.add(Record::Forked { taken: taken(7, 9, 70), parent: 7 });
        recorder.add(named(taken(7, 9, 71), b"worker", false));
        recorder.add(Record::Lost(3));
        recorder.settle(50);
        assert_eq!(recorder.recording.samples, 2);
        let seen = recorder.finish();
        assert_eq!((seen.samples, seen.lost), (4, 3));
        let objects: Vec<&str> =
            seen.stacks.iter().map(|s| seen.objects[s[0].object as usize].as_str()).collect();
        assert_eq!(objects, ["/first", "/second"], "a child has its parent's maps");
        let threads: Vec<_> =
            seen.threads.iter().map(|t| (t.process, t.number, t.name.as_str())).collect();
        let expected = [(7, 7, "first"), (7, 7, "second"), (8, 8, "second"), (7, 9, "worker")];
        assert_eq!(threads, expected);
        assert_eq!(seen.counts.len(), 4);
    }
}
