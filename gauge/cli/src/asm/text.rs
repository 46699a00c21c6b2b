//! Instructions as text: Intel's syntax, names instead of addresses.

use std::cell::RefCell;
use std::rc::Rc;

use iced_x86::{Formatter, Instruction, IntelFormatter, SymbolResolver, SymbolResult};

use crate::image::{Image, Word};

/// Writes instructions with a name for what they refer to.
pub(super) struct Writer {
    formatter: IntelFormatter,
    /// The name to write for the one address that the instruction at hand refers to.
    name: Rc<RefCell<Option<String>>>,
}

struct Name(Rc<RefCell<Option<String>>>);

impl SymbolResolver for Name {
    fn symbol(
        &mut self,
        instruction: &Instruction,
        operand: u32,
        _instruction_operand: Option<u32>,
        address: u64,
        _address_size: u32,
    ) -> Option<SymbolResult<'_>> {
        // Numbers and displacements that only look like addresses have no name.
        let is_reference = super::body::reference(instruction).is_some_and(|(to, _)| to == address);
        let is_immediate = super::jump_table::is_number(instruction.op_kind(operand));
        let name = self.0.borrow().clone().filter(|_| is_reference && !is_immediate)?;
        Some(SymbolResult::with_string(address, name))
    }
}

impl Writer {
    pub(super) fn new() -> Self {
        let name = Rc::new(RefCell::new(None));
        let resolver = Name(Rc::clone(&name));
        let mut formatter = IntelFormatter::with_options(Some(Box::new(resolver)), None);
        let options = formatter.options_mut();
        options.set_space_after_operand_separator(true);
        options.set_hex_prefix("0x");
        options.set_hex_suffix("");
        options.set_uppercase_hex(false);
        options.set_small_hex_numbers_in_decimal(true);
        options.set_branch_leading_zeros(false);
        options.set_rip_relative_addresses(false);
        options.set_show_branch_size(false);
        options.set_signed_memory_displacements(true);
        Self { formatter, name }
    }

    /// The instruction, with `name` for what it refers to.
    pub(super) fn text(&mut self, instruction: &Instruction, name: Option<String>) -> String {
        *self.name.borrow_mut() = name;
        let mut text = String::new();
        self.formatter.format(instruction, &mut text);
        text
    }
}

/// What stands at an address, if it has a name: a function, data, a slot that leads to one.
pub(super) fn name_of(image: &Image, address: u64) -> Option<String> {
    if let Some(callee) = image.callee(address) {
        return Some(callee.name().to_owned());
    }
    if let Some((name, offset)) = image.object_around(address) {
        let offset = if offset == 0 { String::new() } else { format!("+{offset:#x}") };
        return Some(format!("{name}{offset}"));
    }
    match image.word(address)? {
        Word::Import(name) if !name.is_empty() => Some(name),
        Word::Address(target) => image.function_at(target).map(|f| f.name().to_owned()),
        _ => None,
    }
}
