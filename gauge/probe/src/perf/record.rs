//! What the kernel writes into a ring: `perf_event_open(2)` has the format.
#![expect(clippy::host_endian_bytes, reason = "the kernel of this machine wrote them")]

/// A word of a call chain from here on is none of its addresses: it says whose follow.
pub const CONTEXT_MARKERS: u64 = 4095u64.wrapping_neg();

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A thread was on a processor.
    Sample(Sample<'a>),
    /// A file was mapped for execution.
    Mapped(Mapped<'a>),
    /// A thread has a name, or its process runs another program (`exec`) and has nothing else mapped any more.
    Named {
        /// Whose and when.
        taken: Taken,
        /// At most 15 bytes.
        name: &'a [u8],
        /// Whether it is another program.
        exec: bool,
    },
    /// A thread began; in a new process if `parent` is another one.
    Forked {
        /// The new thread and when.
        taken: Taken,
        /// The process that it comes from.
        parent: u32,
    },
    /// A thread ended.
    Ended(Taken),
    /// So many records had no room in the ring.
    Lost(u64),
    /// The kernel sampled less for a while.
    Throttled,
    /// Something else.
    Other,
}

/// Whose a record is, and when it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The process.
    pub process: u32,
    /// The thread.
    pub thread: u32,
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub at_ns: u64,
}

/// Where a thread was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample<'a> {
    /// Whose and when.
    pub taken: Taken,
    /// Words of 8 bytes, innermost first: see [`Self::chain`].
    chain: &'a [u8],
    /// The registers in user space, if they were asked for and there are any.
    pub registers: Option<Registers>,
    /// The bytes from the stack pointer on.
    pub stack: &'a [u8],
}

/// Registers of user space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// The frame pointer.
    pub frame: u64,
    /// The stack pointer.
    pub stack: u64,
    /// The instruction.
    pub instruction: u64,
}

/// A file, or anonymous memory, that can be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped<'a> {
    /// Whose and when.
    pub taken: Taken,
    /// Where.
    pub start: u64,
    /// How many bytes.
    pub bytes: u64,
    /// From where on in the file.
    pub offset: u64,
    /// The file; `[vdso]`, `//anon` where it is none.
    pub path: &'a [u8],
}

impl<'a> Sample<'a> {
    /// Return addresses, innermost first, with [markers](CONTEXT_MARKERS) before those of the kernel and of the program;
    /// the innermost is the instruction itself.
    pub fn chain(&self) -> impl Iterator<Item = u64> + use<'a> {
        self.chain.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word))
    }
}

const KIND_LOST: u32 = 2;
const KIND_COMM: u32 = 3;
const KIND_EXIT: u32 = 4;
const KIND_THROTTLE: u32 = 5;
const KIND_FORK: u32 = 7;
const KIND_SAMPLE: u32 = 9;
const KIND_MMAP2: u32 = 10;
const KIND_LOST_SAMPLES: u32 = 13;
/// Of `COMM`: by `exec`.
const MISC_EXEC: u16 = 1 << 13;

/// The first record of some bytes, and the bytes after it. `with_stack`: samples have registers and a copy of the stack.
pub(super) fn parse(bytes: &[u8], with_stack: bool) -> Option<(Record<'_>, &[u8])> {
    let mut header = Reader(bytes);
    let (kind, misc, size) = (header.u32()?, header.u16()?, header.u16()?);
    let (record, after) = bytes.split_at_checked(usize::from(size))?;
    let body = record.get(8..)?;
    let mut read = Reader(body);
    let record = match kind {
        KIND_SAMPLE => Record::Sample(read.sample(with_stack)?),
        KIND_MMAP2 => Record::Mapped(read.mapped()?),
        KIND_COMM => {
            read.skip(8)?;
            Record::Named { taken: taken(body)?, name: read.text(), exec: misc & MISC_EXEC != 0 }
        }
        KIND_FORK => {
            let (process, parent, thread) = (read.u32()?, read.u32()?, read.u32()?);
            read.skip(4)?;
            Record::Forked { taken: Taken { process, thread, at_ns: read.u64()? }, parent }
        }
        KIND_EXIT => {
            let (process, _, thread) = (read.u32()?, read.u32()?, read.u32()?);
            read.skip(4)?;
            Record::Ended(Taken { process, thread, at_ns: read.u64()? })
        }
        KIND_LOST => {
            read.skip(8)?;
            Record::Lost(read.u64()?)
        }
        KIND_LOST_SAMPLES => Record::Lost(read.u64()?),
        KIND_THROTTLE => Record::Throttled,
        _ => Record::Other,
    };
    Some((record, after))
}

/// What all records but samples end with.
fn taken(body: &[u8]) -> Option<Taken> {
    let mut last = Reader(body.get(body.len().checked_sub(16)?..)?);
    Some(Taken { process: last.u32()?, thread: last.u32()?, at_ns: last.u64()? })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(|_| ())
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_ne_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_ne_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_ne_bytes(self.take(8)?.try_into().ok()?))
    }

    /// Up to a zero.
    fn text(&self) -> &'a [u8] {
        self.0.split(|&byte| byte == 0).next().unwrap_or_default()
    }

    fn mapped(&mut self) -> Option<Mapped<'a>> {
        let taken = taken(self.0)?;
        self.skip(8)?;
        let (start, bytes, offset) = (self.u64()?, self.u64()?, self.u64()?);
        // Device, inode and its generation, or the build's number; protection and flags.
        self.skip(24 + 8)?;
        Some(Mapped { taken, start, bytes, offset, path: self.text() })
    }

    fn sample(&mut self, with_stack: bool) -> Option<Sample<'a>> {
        self.skip(8)?;
        let (process, thread, at_ns) = (self.u32()?, self.u32()?, self.u64()?);
        let count = usize::try_from(self.u64()?).ok()?;
        let chain = self.take(count.checked_mul(8)?)?;
        let (mut registers, mut stack) = (None, [].as_slice());
        if with_stack {
            // No registers of a kernel thread.
            if self.u64()? != 0 {
                let (frame, stack, instruction) = (self.u64()?, self.u64()?, self.u64()?);
                registers = Some(Registers { frame, stack, instruction });
            }
            let room = usize::try_from(self.u64()?).ok()?;
            if room > 0 {
                let bytes = self.take(room)?;
                stack = bytes.get(..usize::try_from(self.u64()?).ok()?)?;
            }
        }
        Some(Sample { taken: Taken { process, thread, at_ns }, chain, registers, stack })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u32, misc: u16, body: &[u8]) -> Vec<u8> {
        let size = u16::try_from(body.len() + 8).unwrap();
        let header = [&kind.to_ne_bytes()[..], &misc.to_ne_bytes(), &size.to_ne_bytes()];
        [&header.concat(), body].concat()
    }

    fn words(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    fn pair(a: u32, b: u32) -> u64 {
        u64::from_ne_bytes([a.to_ne_bytes(), b.to_ne_bytes()].concat().try_into().unwrap())
    }

    const TAKEN: Taken = Taken { process: 7, thread: 8, at_ns: 99 };

    #[test]
    fn samples() {
        let plain = [5, pair(7, 8), 99, 2, u64::MAX - 511, 5];
        let bytes = [record(9, 0, &words(&plain)), record(5, 0, &[])].concat();
        let (Record::Sample(sample), rest) = parse(&bytes, false).unwrap() else { panic!() };
        assert_eq!((sample.taken, sample.registers, sample.stack), (TAKEN, None, &[][..]));
        assert_eq!(sample.chain().collect::<Vec<_>>(), [u64::MAX - 511, 5]);
        assert!(sample.chain().next().unwrap() >= CONTEXT_MARKERS);
        assert_eq!(parse(rest, false), Some((Record::Throttled, &[][..])));
        let with_stack = [&plain[..], &[2, 30, 20, 10, 16, 0xAA, 0xBB, 8]].concat();
        let bytes = record(9, 0, &words(&with_stack));
        let (Record::Sample(sample), _) = parse(&bytes, true).unwrap() else { panic!() };
        let registers = Registers { frame: 30, stack: 20, instruction: 10 };
        assert_eq!(sample.registers, Some(registers));
        assert_eq!(sample.stack, words(&[0xAA]), "as many bytes as there were");
        let without = [&plain[..], &[0, 0]].concat();
        let bytes = record(9, 0, &words(&without));
        let (Record::Sample(sample), _) = parse(&bytes, true).unwrap() else { panic!() };
        assert_eq!((sample.registers, sample.stack), (None, &[][..]));
    }

    #[test]
    fn what_happens_to_processes() {
        let end = [pair(7, 8), 99];
        let path = *b"/lib/a.so\0\0\0\0\0\0\0";
        let mapped = words(&[pair(7, 8), 0x1000, 0x20, 0x300, 0, 0, 0, 0]);
        let bytes = record(10, 0, &[mapped, path.to_vec(), words(&end)].concat());
        let expected =
            Mapped { taken: TAKEN, start: 0x1000, bytes: 0x20, offset: 0x300, path: b"/lib/a.so" };
        assert_eq!(parse(&bytes, false), Some((Record::Mapped(expected), &[][..])));
        let named = [words(&[pair(7, 8)]), b"program\0".to_vec(), words(&end)].concat();
        let exec = |misc| match parse(&record(3, misc, &named), false) {
            Some((Record::Named { taken: TAKEN, name: b"program", exec }, [])) => exec,
            other => panic!("{other:?}"),
        };
        assert!(exec(1 << 13) && !exec(0));
        let task = words(&[pair(7, 3), pair(8, 3), 99, pair(0, 0), 0]);
        let forked = Record::Forked { taken: TAKEN, parent: 3 };
        assert_eq!(parse(&record(7, 0, &task), false), Some((forked, &[][..])));
        assert_eq!(parse(&record(4, 0, &task), false), Some((Record::Ended(TAKEN), &[][..])));
        assert_eq!(parse(&record(2, 0, &words(&[1, 17])), false).unwrap().0, Record::Lost(17));
        assert_eq!(parse(&record(99, 0, &[]), false).unwrap().0, Record::Other);
    }

    #[test]
    fn what_is_cut_off_is_none() {
        let bytes = record(9, 0, &words(&[5, pair(7, 8), 99, 2, 5, 6]));
        for length in 0..bytes.len() {
            assert_eq!(parse(&bytes[..length], false), None, "{length}");
        }
        let too_many = record(9, 0, &words(&[5, pair(7, 8), 99, 3, 5, 6]));
        assert_eq!(parse(&too_many, false), None);
        assert_eq!(parse(&record(9, 0, &words(&[5, 5, 5, u64::MAX])), false), None);
    }
}
