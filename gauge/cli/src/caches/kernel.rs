//! The caches as the kernel lists them in `/sys`.

use std::path::Path;

use serde::Serialize;

/// A cache for data, seen from one processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// 1 is the nearest.
    pub level: usize,
    /// Its size.
    pub bytes: usize,
    /// Lines that may hold the same address, if it says.
    pub ways: Option<usize>,
    /// Bytes of a line, if it says.
    pub line_bytes: Option<usize>,
    /// The processors that share it, as `0-1`, if it says.
    pub shared_by: Option<String>,
}

impl Cache {
    /// As valgrind takes it, `size,ways,line`: it wants a power of two sets.
    pub fn for_valgrind(&self) -> Option<String> {
        let (ways, line) = (self.ways?, self.line_bytes?);
        let sets = self.bytes.checked_div(ways.checked_mul(line)?)?;
        let is_whole = sets * ways * line == self.bytes && sets.is_power_of_two();
        is_whole.then(|| format!("{},{ways},{line}", self.bytes))
    }
}

/// The caches for data of the first processor, nearest first; and that for instructions. Empty where the kernel lists none.
pub fn caches(system: &Path) -> (Vec<Cache>, Option<Cache>) {
    let folder = system.join("devices/system/cpu/cpu0/cache");
    let (mut data, mut instructions) = (Vec::new(), None);
    for index in 0.. {
        let folder = folder.join(format!("index{index}"));
        let read = |name: &str| {
            let text = std::fs::read_to_string(folder.join(name)).ok()?;
            Some(text.trim().to_owned())
        };
        let number = |name: &str| read(name)?.parse().ok().filter(|number| *number > 0);
        let Some(kind) = read("type") else { break };
        let Some((level, bytes)) = number("level").zip(read("size").and_then(|s| bytes(&s))) else {
            continue;
        };
        let cache = Cache {
            level,
            bytes,
            ways: number("ways_of_associativity"),
            line_bytes: number("coherency_line_size"),
            shared_by: read("shared_cpu_list"),
        };
        match kind.as_str() {
            "Instruction" => instructions = instructions.or(Some(cache)),
            _ => data.push(cache),
        }
    }
    data.sort_by_key(|cache| cache.level);
    (data, instructions)
}

/// `48K`, `32M`, `1024`.
fn bytes(text: &str) -> Option<usize> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: usize = text[..end].parse().ok()?;
    let shift = match &text[end..] {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return None,
    };
    number.checked_shl(shift).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_read_as_the_kernel_lists_them() {
        let system = tempfile::tempdir().unwrap();
        let indexes = [("3", "Unified", "32768K", "16"), ("1", "Data", "48K", "12")];
        let more = [("1", "Instruction", "32K", "8"), ("2", "Unified", "1M", "0")];
        for (index, (level, kind, size, ways)) in indexes.into_iter().chain(more).enumerate() {
            let folder = system.path().join(format!("devices/system/cpu/cpu0/cache/index{index}"));
            std::fs::create_dir_all(&folder).unwrap();
            for (name, text) in [
                ("level", level),
                ("type", kind),
                ("size", size),
                ("ways_of_associativity", ways),
                ("coherency_line_size", "64"),
                ("shared_cpu_list", "0-1"),
            ] {
                std::fs::write(folder.join(name), format!("{text}\n")).unwrap();
            }
        }
        let (data, instructions) = caches(system.path());
        let sizes: Vec<_> = data.iter().map(|cache| (cache.level, cache.bytes)).collect();
        assert_eq!(sizes, [(1, 48 << 10), (2, 1 << 20), (3, 32 << 20)]);
        assert_eq!(instructions.unwrap().bytes, 32 << 10);
        assert_eq!(data[0].for_valgrind().unwrap(), "49152,12,64");
        assert_eq!(data[1].for_valgrind(), None, "ways of 0 are not known");
        assert_eq!(data[2].shared_by.as_deref(), Some("0-1"));
        assert_eq!(caches(&system.path().join("none")), (Vec::new(), None));
        assert_eq!(bytes("12Q"), None);
    }
}
