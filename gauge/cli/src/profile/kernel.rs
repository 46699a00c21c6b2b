//! Names of the kernel's functions: `/proc/kallsyms`.

/// Functions by address.
#[derive(Debug, Default)]
pub struct Kernel(Vec<(u64, String)>);

impl Kernel {
    /// Those of the running kernel; none where it hides their addresses from this user (`kernel.kptr_restrict`).
    pub fn read() -> Self {
        Self::parse(&std::fs::read_to_string("/proc/kallsyms").unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let mut functions: Vec<(u64, String)> = text.lines().filter_map(parse_line).collect();
        functions.sort_by_key(|function| function.0);
        Self(functions)
    }

    /// Whether there are any.
    pub fn is_hidden(&self) -> bool {
        self.0.is_empty()
    }

    /// The function that an address is in.
    pub fn function(&self, address: u64) -> Option<&str> {
        let after = self.0.partition_point(|(start, _)| *start <= address);
        self.0.get(after.checked_sub(1)?).map(|(_, name)| name.as_str())
    }
}

/// `address kind name [module]`.
fn parse_line(line: &str) -> Option<(u64, String)> {
    let mut words = line.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok().filter(|address| *address != 0)?;
    let is_function = matches!(words.next()?, "t" | "T" | "w" | "W");
    is_function.then_some((address, words.next()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_the_kernel() {
        let text = "ffffffff81000020 T second\nffffffff81000010 t first\t[module]\n\
                    ffffffff81000018 d data\n";
        let kernel = Kernel::parse(text);
        assert_eq!(kernel.function(0xffff_ffff_8100_001f), Some("first"));
        assert_eq!(kernel.function(0xffff_ffff_8100_0020), Some("second"));
        assert_eq!(kernel.function(0xffff_ffff_8100_000f), None);
        assert!(Kernel::parse("0000000000000000 T hidden\n").is_hidden());
    }
}
