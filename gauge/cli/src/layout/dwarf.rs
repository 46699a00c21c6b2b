//! The entries of debug information that describe types, from whatever holds them: an executable, a
//! shared library, an object, or a library of objects.

use std::borrow::Cow;
use std::path::Path;

use anyhow::{Context, Result, bail};
use gimli::{AttributeValue, DwTag, EndianSlice, RunTimeEndian, constants as dw};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectKind, ObjectSection, ObjectSymbol, RelocationKind, RelocationTarget};

/// An entry, with the attributes that types have. Entries stand in the order of the file, parents first.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    /// Where it stands in `.debug_info`; [`Self::type_at`] and [`Self::discriminant_at`] are such places.
    pub(super) offset: usize,
    /// How many entries of these are around it.
    pub(super) depth: usize,
    /// The one right around it: its index among the entries.
    pub(super) parent: Option<usize>,
    pub(super) tag: DwTag,
    pub(super) name: Option<&'a str>,
    pub(super) type_at: Option<usize>,
    pub(super) size: Option<u64>,
    pub(super) align: Option<u64>,
    /// Where a member lies.
    pub(super) location: Option<u64>,
    /// How many elements an array has.
    pub(super) count: Option<u64>,
    /// A base type's encoding.
    pub(super) encoding: Option<u64>,
    /// The member that a variant part is told by.
    pub(super) discriminant_at: Option<usize>,
    /// An enumerator's value, or that of a variant's discriminant, and how many bits of it are written: whether the last
    /// is a sign says its type.
    pub(super) value: Option<(i128, u32)>,
}

type Slice<'a> = EndianSlice<'a, RunTimeEndian>;

/// Gives the entries of each object in a file to `take`, in turn. Returns whether there were any of Rust.
///
/// # Errors
/// When it cannot be read, or is no such file.
pub(super) fn each(path: &Path, mut take: impl FnMut(&[Entry<'_>])) -> Result<bool> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let mut has_any = false;
    if let Ok(archive) = ArchiveFile::parse(&*bytes) {
        for member in archive.members() {
            let data = member?.data(&*bytes)?;
            // Beside objects stands what the compiler keeps for itself.
            let Ok(file) = object::File::parse(data) else { continue };
            has_any |= of_object(&file, &mut take).with_context(|| path.display().to_string())?;
        }
        return Ok(has_any);
    }
    match object::File::parse(&*bytes) {
        Ok(file) => of_object(&file, &mut take).with_context(|| path.display().to_string()),
        Err(_) => bail!("{} is neither an executable nor a library", path.display()),
    }
}

fn of_object(file: &object::File<'_>, take: &mut impl FnMut(&[Entry<'_>])) -> Result<bool> {
    let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let sections = gimli::DwarfSections::load(|id| section(file, id.name()))?;
    let dwarf = sections.borrow(|bytes| EndianSlice::new(bytes, endian));
    let mut entries = Vec::new();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        let unit = dwarf.unit(header)?;
        read_unit(&dwarf, &unit, &mut entries)?;
    }
    if !entries.is_empty() {
        take(&entries);
    }
    Ok(!entries.is_empty())
}

/// A section's bytes, decompressed, and in an object with the places of other sections filled in.
fn section<'a>(file: &object::File<'a>, name: &str) -> Result<Cow<'a, [u8]>> {
    let Some(section) = file.section_by_name(name) else { return Ok(Cow::default()) };
    let mut bytes = section.uncompressed_data()?;
    if file.kind() != ObjectKind::Relocatable {
        return Ok(bytes);
    }
    for (at, relocation) in section.relocations() {
        let RelocationTarget::Symbol(symbol) = relocation.target() else { continue };
        let width = usize::from(relocation.size() / 8);
        let at = usize::try_from(at)?;
        if relocation.kind() != RelocationKind::Absolute || !matches!(width, 4 | 8) {
            continue;
        }
        let mut value = file.symbol_by_index(symbol)?.address();
        value = value.wrapping_add_signed(relocation.addend());
        let Some(place) = bytes.to_mut().get_mut(at..at.saturating_add(width)) else { continue };
        if relocation.has_implicit_addend() {
            continue;
        }
        // Objects are read on the machine that they were made for, or one like it: little-endian.
        place.copy_from_slice(&value.to_le_bytes()[..width]);
    }
    Ok(bytes)
}

fn read_unit<'a>(
    dwarf: &gimli::Dwarf<Slice<'a>>,
    unit: &gimli::Unit<Slice<'a>>,
    entries: &mut Vec<Entry<'a>>,
) -> Result<()> {
    let Some(base) = unit.header.debug_info_offset().map(|offset| offset.0) else {
        return Ok(());
    };
    let mut raw = unit.entries_raw(None)?;
    let mut entry = gimli::DebuggingInformationEntry::null();
    // The entries around this one that were taken: their depths in the file, and their indices.
    let mut around: Vec<(isize, usize)> = Vec::new();
    while !raw.is_empty() {
        if !raw.read_entry(&mut entry)? {
            continue;
        }
        if entry.tag() == dw::DW_TAG_compile_unit {
            let language = entry.attr_value(dw::DW_AT_language);
            if language != Some(AttributeValue::Language(dw::DW_LANG_Rust)) {
                return Ok(());
            }
        }
        if !is_of_types(entry.tag()) {
            continue;
        }
        while around.last().is_some_and(|(depth, _)| *depth >= entry.depth()) {
            around.pop();
        }
        let mut read = read_entry(dwarf, unit, base, &entry);
        (read.depth, read.parent) = (around.len(), around.last().map(|(_, index)| *index));
        around.push((entry.depth(), entries.len()));
        entries.push(read);
    }
    Ok(())
}

fn is_of_types(tag: DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_namespace
            | dw::DW_TAG_structure_type
            | dw::DW_TAG_union_type
            | dw::DW_TAG_enumeration_type
            | dw::DW_TAG_enumerator
            | dw::DW_TAG_member
            | dw::DW_TAG_variant_part
            | dw::DW_TAG_variant
            | dw::DW_TAG_base_type
            | dw::DW_TAG_pointer_type
            | dw::DW_TAG_reference_type
            | dw::DW_TAG_array_type
            | dw::DW_TAG_subrange_type
            | dw::DW_TAG_typedef
            | dw::DW_TAG_const_type
            | dw::DW_TAG_volatile_type
            | dw::DW_TAG_subroutine_type
    )
}

fn read_entry<'a>(
    dwarf: &gimli::Dwarf<Slice<'a>>,
    unit: &gimli::Unit<Slice<'a>>,
    base: usize,
    from: &gimli::DebuggingInformationEntry<Slice<'a>>,
) -> Entry<'a> {
    let mut entry = Entry {
        offset: base + from.offset().0,
        depth: 0,
        parent: None,
        tag: from.tag(),
        name: None,
        type_at: None,
        size: None,
        align: None,
        location: None,
        count: None,
        encoding: None,
        discriminant_at: None,
        value: None,
    };
    let reference = |value: AttributeValue<Slice<'a>>| match value {
        AttributeValue::UnitRef(offset) => base.checked_add(offset.0),
        AttributeValue::DebugInfoRef(offset) => Some(offset.0),
        _ => None,
    };
    for attribute in from.attrs() {
        let value = attribute.value();
        match attribute.name() {
            dw::DW_AT_name => {
                let name = dwarf.attr_string(unit, value).ok();
                entry.name = name.and_then(|name| std::str::from_utf8(name.slice()).ok());
            }
            dw::DW_AT_type => entry.type_at = reference(value),
            dw::DW_AT_discr => entry.discriminant_at = reference(value),
            dw::DW_AT_byte_size => entry.size = value.udata_value().filter(is_size),
            // Another one than a power of two is damage, and so is one that Rust has not.
            dw::DW_AT_alignment => {
                let is_one = |align: &u64| align.is_power_of_two() && *align <= 1 << 29;
                entry.align = value.udata_value().filter(is_one);
            }
            dw::DW_AT_data_member_location => entry.location = value.udata_value().filter(is_size),
            dw::DW_AT_count => entry.count = value.udata_value(),
            dw::DW_AT_upper_bound => {
                // An empty array's is -1.
                let bound = value.sdata_value();
                entry.count = bound.and_then(|bound| u64::try_from(bound.checked_add(1)?).ok());
            }
            dw::DW_AT_encoding => {
                entry.encoding = match value {
                    AttributeValue::Encoding(encoding) => Some(u64::from(encoding.0)),
                    _ => None,
                };
            }
            dw::DW_AT_discr_value | dw::DW_AT_const_value => {
                entry.value = integer(&attribute.raw_value());
            }
            _ => {}
        }
    }
    entry
}

/// Whether a process could have so many bytes: what is more is damage, and its sums are no numbers.
pub(super) fn is_size(bytes: &u64) -> bool {
    *bytes <= 1 << 47
}

/// A number of up to 128 bits, and how many are written. LLVM takes the fewest bytes that hold the value, by its
/// type's sign: -2 is `fe`, and 254 is `00fe` where the type is signed.
fn integer(value: &AttributeValue<Slice<'_>>) -> Option<(i128, u32)> {
    match value {
        AttributeValue::Data1(value) => Some((i128::from(*value), 8)),
        AttributeValue::Data2(value) => Some((i128::from(*value), 16)),
        AttributeValue::Data4(value) => Some((i128::from(*value), 32)),
        AttributeValue::Data8(value) => Some((i128::from(*value), 64)),
        AttributeValue::Data16(value) => Some((value.cast_signed(), 128)),
        AttributeValue::Sdata(value) => Some((i128::from(*value), 128)),
        AttributeValue::Udata(value) => Some((i128::from(*value), 128)),
        AttributeValue::Block(bytes) => {
            let mut wide = [0; 16];
            let bytes = bytes.slice();
            wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
            Some((i128::from_le_bytes(wide), 8 * u32::try_from(bytes.len()).ok()?))
        }
        _ => None,
    }
}
