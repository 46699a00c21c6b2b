//! Statements about a function, judged over what can be reached from its entry.

use iced_x86::Instruction;

use super::body::Body;
use super::known::Kind;
use super::reach::{Analysis, Evidence, Target};
use super::simd::{Element, is_float_arithmetic, packed};
use super::vectors::is_vector_work;

/// Pieces of evidence that are printed.
const MAX_SHOWN: usize = 3;

/// What became of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It holds.
    Holds,
    /// It does not, and this is where.
    Broken(String),
    /// It cannot be told, and this is why. It proves nothing: a gate closes on it.
    Unknown(String),
}

impl Finding {
    /// Whether the statement was proved.
    pub fn holds(&self) -> bool {
        *self == Self::Holds
    }
}

/// No panic can be reached, in the function or in anything it calls.
pub fn no_panic(analysis: &Analysis) -> Finding {
    judge(&analysis.panics, &analysis.unknown)
}

/// No allocation can be reached, in the function or in anything it calls. What a panic would allocate
/// does not count, nor what is dropped while one unwinds; what runs once it was caught does.
pub fn no_allocation(analysis: &Analysis) -> Finding {
    judge(&analysis.allocations, &analysis.unknown)
}

/// The function calls nothing at all, nor does it jump elsewhere for good.
pub fn no_call(analysis: &Analysis) -> Finding {
    let calls: Vec<Evidence> = analysis
        .calls
        .iter()
        .map(|call| Evidence { address: call.address, chain: Vec::new(), text: call.to_string() })
        .collect();
    judge(&calls, &[])
}

/// Like [`no_call`], but calls of `memcpy` and its kin and of what panics are allowed.
pub fn no_call_but_known(analysis: &Analysis) -> Finding {
    let calls: Vec<Evidence> = analysis
        .calls
        .iter()
        .filter(|call| !matches!(call.kind, Some(Kind::Harmless | Kind::Panic)))
        .map(|call| Evidence { address: call.address, chain: Vec::new(), text: call.to_string() })
        .collect();
    judge(&calls, &[])
}

/// A loop of the function does packed arithmetic on elements of that type (any if none is named), at
/// least so many bits at once. Packed instructions that compute a single number are none.
pub fn simd(analysis: &Analysis, element: Option<Element>, least_width: u32) -> Finding {
    let body = &analysis.body;
    let mut outside = None;
    let mut narrow = None;
    let mut scalar = None;
    for index in 0..body.blocks.len() {
        let around: Vec<_> = body.loops.iter().filter(|l| l.blocks.contains(&index)).collect();
        let mut nearest =
            around.iter().copied().filter(|l| l.is_innermost).chain(around.last().copied());
        let among_floats = nearest.next().is_some_and(|l| {
            let instructions = l.blocks.iter().flat_map(|block| analysis.reached(*block));
            instructions.into_iter().any(is_float_arithmetic)
        });
        for (position, instruction) in analysis.reached(index).iter().enumerate() {
            let Some(found) = packed(instruction) else { continue };
            if element.is_some_and(|wanted| !found.element.fits(wanted, among_floats)) {
                continue;
            }
            let text = format!(
                "{:?} at {:#x} ({} bits of {})",
                instruction.mnemonic(),
                instruction.ip(),
                found.width,
                found.element.name()
            )
            .to_lowercase();
            let is_vector = || around.iter().any(|l| is_vector_work(analysis, l, index, position));
            match (around.is_empty(), found.width >= least_width) {
                (true, _) => outside = outside.or(Some(text)),
                (false, _) if !is_vector() => scalar = scalar.or(Some(text)),
                (false, true) => return Finding::Holds,
                (false, false) => narrow = narrow.or(Some(text)),
            }
        }
    }
    let wanted = element.map_or("packed arithmetic".to_owned(), |e| format!("packed {}", e.name()));
    if let Some(open) = first_open(analysis) {
        return Finding::Unknown(open);
    }
    if let (None, Some(at)) = (&narrow, scalar) {
        return Finding::Broken(format!("{wanted} is of no whole vectors: {at}"));
    }
    Finding::Broken(match (narrow, outside) {
        (Some(at), _) => format!("{wanted} in a loop is narrower than {least_width} bits: {at}"),
        (None, Some(at)) => format!("{wanted} stands outside of any loop only: {at}"),
        (None, None) if body.loops.is_empty() => {
            format!("no {wanted}, and no loop{}", elsewhere(analysis))
        }
        (None, None) => {
            format!("no {wanted} in any of {} loops{}", body.loops.len(), elsewhere(analysis))
        }
    })
}

/// The function has at most so many instructions, parts that run while unwinding left out.
pub fn max_instructions(analysis: &Analysis, most: usize) -> Finding {
    let found = at_most("instructions", instructions(&analysis.body), most as u64);
    unless_open(analysis, found)
}

/// The function's own frame takes at most so many bytes of stack, with what it saves, without the
/// return address.
pub fn max_stack(analysis: &Analysis, most: u64) -> Finding {
    match stack(&analysis.body) {
        Some(bytes) => unless_open(analysis, at_most("bytes of stack", bytes, most)),
        None => Finding::Unknown("its frame has no size that is known".to_owned()),
    }
}

/// An instruction of that mnemonic can be reached in the function (`lea`, `vfmadd213pd`).
pub fn has_mnemonic(analysis: &Analysis, mnemonic: &str) -> Finding {
    match place_of(analysis, mnemonic) {
        Some(_) => Finding::Holds,
        None => match first_open(analysis) {
            Some(open) => Finding::Unknown(open),
            None => Finding::Broken(format!("there is no `{mnemonic}`")),
        },
    }
}

/// No instruction of that mnemonic can be reached, in the function or in anything it calls; what panics,
/// the allocator and other functions known by name are not looked into.
pub fn no_mnemonic(analysis: &Analysis, mnemonic: &str) -> Finding {
    let found = everywhere(analysis, |i| is_called(i, mnemonic));
    judge(&found, &analysis.unknown)
}

/// Nothing is done on several numbers at once, in a loop or outside, in the function or in anything it calls;
/// functions known by name are not looked into.
pub fn no_simd(analysis: &Analysis) -> Finding {
    judge(&everywhere(analysis, |i| packed(i).is_some()), &analysis.unknown)
}

/// The instructions that fit, of the function and of what it calls.
fn everywhere(analysis: &Analysis, fits: impl Fn(&Instruction) -> bool) -> Vec<Evidence> {
    let evidence = |instruction: &Instruction, chain: &[String]| Evidence {
        address: instruction.ip(),
        chain: chain.to_vec(),
        text: format!("{:?}", instruction.mnemonic()).to_lowercase(),
    };
    let blocks = 0..analysis.body.blocks.len();
    let own = blocks.flat_map(|block| analysis.reached(block)).filter(|i| fits(i));
    let mut found: Vec<Evidence> = own.map(|i| evidence(i, &[])).collect();
    for callee in &analysis.callees {
        let its = callee.instructions().filter(|i| fits(i));
        found.extend(its.map(|i| evidence(i, &callee.chain)));
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|evidence| seen.insert(evidence.address));
    found
}

/// Instructions of a body but padding and landing pads.
pub fn instructions(body: &Body) -> u64 {
    let reached = body.blocks.iter().filter(|block| block.is_reached);
    let counts = reached.map(|block| {
        body.of(block).iter().filter(|instruction| !super::body::is_padding(instruction)).count()
    });
    counts.sum::<usize>() as u64
}

/// Bytes of stack that a body's own frame takes; none where it depends on values.
pub fn stack(body: &Body) -> Option<u64> {
    super::frame::depths(body).deepest
}

fn judge(broken: &[Evidence], unknown: &[Evidence]) -> Finding {
    let show = |evidence: &[Evidence]| {
        let shown: Vec<String> = evidence.iter().take(MAX_SHOWN).map(Evidence::to_string).collect();
        let more = evidence.len().saturating_sub(MAX_SHOWN);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        format!("{}{more}", shown.join("; "))
    };
    match (broken, unknown) {
        ([], []) => Finding::Holds,
        ([], unknown) => Finding::Unknown(show(unknown)),
        (broken, _) => Finding::Broken(show(broken)),
    }
}

fn at_most(what: &str, found: u64, most: u64) -> Finding {
    if found <= most {
        Finding::Holds
    } else {
        Finding::Broken(format!("{found} {what}, at most {most} were allowed"))
    }
}

fn place_of(analysis: &Analysis, mnemonic: &str) -> Option<u64> {
    let body = &analysis.body;
    (0..body.blocks.len())
        .flat_map(|index| analysis.reached(index))
        .find(|i| is_called(i, mnemonic))
        .map(iced_x86::Instruction::ip)
}

fn is_called(instruction: &Instruction, mnemonic: &str) -> bool {
    format!("{:?}", instruction.mnemonic()).eq_ignore_ascii_case(mnemonic)
}

/// What holds of what was seen is unknown where a jump leads to what was not.
fn unless_open(analysis: &Analysis, found: Finding) -> Finding {
    match (found, first_open(analysis)) {
        (Finding::Holds, Some(open)) => Finding::Unknown(open),
        (found, _) => found,
    }
}

/// A jump within the function whose targets are not known: what it leads to was not seen.
fn first_open(analysis: &Analysis) -> Option<String> {
    let body = &analysis.body;
    let open = body.blocks.iter().enumerate().find(|(index, block)| {
        block.is_open && analysis.is_reached(*index) && !analysis.is_tail_call(body.of(block))
    });
    let last = body.of(open?.1).last()?;
    Some(format!("the jump at {:#x} may lead anywhere in the function", last.ip()))
}

/// Where the work is perhaps done: a function that is called.
fn elsewhere(analysis: &Analysis) -> String {
    let called = analysis.calls.iter().find_map(|call| match (&call.target, call.kind) {
        (Target::Function { name, .. }, None) => Some(name),
        _ => None,
    });
    called.map_or(String::new(), |name| format!("; it calls {name}, which may be what was meant"))
}
