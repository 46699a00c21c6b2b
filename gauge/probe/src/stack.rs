//! Where a program is: return addresses, and their names when a report is made.

use std::cell::Cell;
use std::fmt;

use crate::json;

/// Return addresses kept, the innermost ones.
pub const MAX_FRAMES: usize = 32;

/// Functions at the inner end that are ours or the allocator's shims: no report shows them.
const OURS: [&str; 5] = ["gauge_probe::", "backtrace::", "__rust_", "__rdl_", "__rg_"];

/// Return addresses, innermost first; unused ones are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stack(pub(crate) [usize; MAX_FRAMES]);

impl Stack {
    pub(crate) const EMPTY: Self = Self([0; MAX_FRAMES]);

    /// Where this thread is. Empty if it was asked for while it is being found out: unwinding may
    /// allocate when it meets a library for the first time.
    ///
    /// Some microseconds: it reads unwind tables.
    #[cold]
    #[inline(never)]
    pub(crate) fn capture() -> Self {
        Self::capture_above(0)
    }

    /// As [`capture`](Self::capture), without the function whose stack pointer this is, and those that it called.
    #[cold]
    #[inline(never)]
    pub(crate) fn capture_above(stack_pointer: usize) -> Self {
        thread_local!(static BUSY: Cell<bool> = const { Cell::new(false) });
        let mut stack = Self::EMPTY;
        if BUSY.replace(true) {
            return stack;
        }
        let mut free = stack.0.iter_mut();
        let is_inner = |frame: &backtrace::Frame| frame.sp().addr() <= stack_pointer;
        let visit = |frame: &backtrace::Frame| {
            if is_inner(frame) {
                return true;
            }
            match free.next() {
                Some(place) => {
                    *place = frame.ip().addr();
                    true
                }
                None => false,
            }
        };
        #[cfg(unix)]
        // SAFETY: on Unix the unwinder is safe to run in several threads; only Windows' is not.
        unsafe {
            backtrace::trace_unsynchronized(visit);
        }
        #[cfg(not(unix))]
        let _ = visit;
        BUSY.set(false);
        stack
    }

    /// How many addresses it has.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().take_while(|&&address| address != 0).count()
    }

    /// With names, from the innermost function that is not ours. Allocates, reads the program's file.
    pub(crate) fn resolve(&self) -> Vec<Frame> {
        let mut frames = Vec::new();
        for &address in self.0.iter().filter(|&&address| address != 0) {
            let before = frames.len();
            // A return address is behind its call.
            let call = std::ptr::without_provenance_mut(address - 1);
            backtrace::resolve(call, |symbol| {
                frames.push(Frame {
                    address,
                    name: symbol.name().map(|name| format!("{name:#}")),
                    file: symbol.filename().map(|file| file.display().to_string()),
                    line: symbol.lineno(),
                });
            });
            if frames.len() == before {
                frames.push(Frame { address, name: None, file: None, line: None });
            }
        }
        // An inlined function may have a name without its path: then its file says whose it is.
        let folder = file!().trim_end_matches("stack.rs");
        let is_ours = |frame: &Frame| {
            let name = frame.name.as_deref().unwrap_or_default();
            let file = frame.file.as_deref().unwrap_or_default();
            OURS.iter().any(|ours| name.contains(ours)) || file.contains(folder)
        };
        let ours = frames.iter().take_while(|frame| is_ours(frame)).count();
        frames.split_off(ours)
    }
}

/// A place in the program; inlined functions are places of their own with the same address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The return address.
    pub address: usize,
    /// The function, if the program has symbols.
    pub name: Option<String>,
    /// The source file, if the program has debug information.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u32>,
}

impl Frame {
    pub(crate) fn to_json(&self) -> String {
        let Self { address, name, file, line } = self;
        let (name, file) = (json::optional(name.as_deref()), json::optional(file.as_deref()));
        let line = line.map_or("null".to_owned(), |line| line.to_string());
        format!("{{\"address\":\"{address:#x}\",\"name\":{name},\"file\":{file},\"line\":{line}}}")
    }
}

/// `function (file:line)`.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}")?,
            None => write!(f, "{:#x}", self.address)?,
        }
        if let (Some(file), Some(line)) = (&self.file, self.line) {
            write!(f, " ({file}:{line})")?;
        }
        Ok(())
    }
}
