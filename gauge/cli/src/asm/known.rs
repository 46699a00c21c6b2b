//! Functions known by name: what panics, what allocates, what does neither.
//!
//! The names are those of rustc 1.95 and glibc; a test builds a program with the compiler at hand and
//! looks whether they are still called so.

use crate::image::Function;

/// What calling a function means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It panics or ends the process; it does not return.
    Panic,
    /// It asks the allocator for memory.
    Allocation,
    /// It does neither, and calls nothing that does.
    Harmless,
}

/// Paths that begin so panic.
const PANIC_PREFIXES: [&str; 19] = [
    "core::panicking::",
    "core::option::unwrap_failed",
    "core::option::expect_failed",
    "core::result::unwrap_failed",
    "core::slice::index::slice_",
    "core::slice::copy_from_slice_impl::len_mismatch_fail",
    "core::str::slice_error_fail",
    "core::cell::panic_already",
    "alloc::raw_vec::handle_error",
    "alloc::raw_vec::capacity_overflow",
    "alloc::alloc::handle_alloc_error",
    "__rustc::__rust_alloc_error_handler",
    "__rustc::rust_begin_unwind",
    "__rustc::rust_panic",
    "std::panicking::begin_panic",
    "std::panicking::rust_panic",
    "std::panicking::panic_with_hook",
    "std::process::abort",
    "std::alloc::rust_oom",
];
const PANIC_NAMES: [&str; 8] = [
    "abort",
    "_Unwind_Resume",
    "_Unwind_RaiseException",
    "__stack_chk_fail",
    "__assert_fail",
    "rust_begin_unwind",
    "exit",
    "_exit",
];

/// The allocator's entries, by the last part of their path.
const ALLOCATION_NAMES: [&str; 19] = [
    "__rust_alloc",
    "__rust_alloc_zeroed",
    "__rust_realloc",
    "__rdl_alloc",
    "__rdl_alloc_zeroed",
    "__rdl_realloc",
    "__rg_alloc",
    "__rg_alloc_zeroed",
    "__rg_realloc",
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
    "valloc",
    "strdup",
    "strndup",
];

const HARMLESS_NAMES: [&str; 20] = [
    "__rust_dealloc",
    "__rdl_dealloc",
    "__rg_dealloc",
    "__rust_no_alloc_shim_is_unstable",
    "__rust_no_alloc_shim_is_unstable_v2",
    "free",
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
    "bcmp",
    "memchr",
    "memrchr",
    "strlen",
    "strnlen",
    "strcmp",
    "strncmp",
    "strchr",
    "strrchr",
    "__errno_location",
];

/// libm's, of `double`; those of `float` end in `f`.
const MATH_NAMES: [&str; 46] = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "ceil",
    "copysign",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "exp10",
    "exp2",
    "expm1",
    "fabs",
    "fdim",
    "floor",
    "fma",
    "fmax",
    "fmin",
    "fmod",
    "frexp",
    "hypot",
    "ldexp",
    "lgamma_r",
    "log",
    "log10",
    "log1p",
    "log2",
    "modf",
    "nearbyint",
    "pow",
    "remainder",
    "rint",
    "round",
    "roundeven",
    "sin",
    "sincos",
    "sinh",
    "sqrt",
    "tan",
    "tgamma",
];
const MORE_MATH_NAMES: [&str; 4] = ["tanh", "trunc", "lgammaf_r", "sincosf"];

/// What calling a function of that demangled name means, if the name says it.
pub fn kind_of(demangled: &str) -> Option<Kind> {
    if PANIC_PREFIXES.iter().any(|prefix| demangled.starts_with(prefix))
        || PANIC_NAMES.contains(&demangled)
        || ends_in_assertion(demangled)
    {
        return Some(Kind::Panic);
    }
    // Of the paths, only the allocator's: `__rustc::__rust_alloc`.
    let bare = demangled.strip_prefix("__rustc::").unwrap_or(demangled);
    if bare.contains("::") {
        return None;
    }
    if ALLOCATION_NAMES.contains(&bare) {
        return Some(Kind::Allocation);
    }
    let is_math = |name: &str| MATH_NAMES.contains(&name) || MORE_MATH_NAMES.contains(&name);
    let is_harmless = HARMLESS_NAMES.contains(&bare)
        || is_math(bare)
        || bare.strip_suffix('f').is_some_and(is_math);
    is_harmless.then_some(Kind::Harmless)
}

/// What calling a function of the image means, if one of its names says it.
///
/// A program may call functions of its own `log`, `free` or `exit`: of such names only an allocation is
/// believed, and their bodies are looked at.
pub(super) fn kind_of_function(function: &Function) -> Option<Kind> {
    function.names.iter().find_map(|name| {
        let kind = kind_of(&name.demangled)?;
        (kind == Kind::Allocation || !is_free(&name.demangled)).then_some(kind)
    })
}

/// Whether a function has a name that any program may give to one of its own: no path, and none that is
/// the implementation's.
pub(super) fn has_free_name(function: &Function) -> bool {
    function.names.iter().any(|name| is_free(&name.demangled))
}

fn is_free(demangled: &str) -> bool {
    !demangled.contains("::") && !demangled.starts_with('_')
}

/// The standard library's cold helpers: `<alloc::vec::Vec<_>>::remove::assert_failed` …
fn ends_in_assertion(demangled: &str) -> bool {
    let is_std = ["alloc::", "<alloc::", "core::", "<core::", "std::", "<std::", "<[_]>::"];
    is_std.iter().any(|start| demangled.starts_with(start))
        && ["::assert_failed", "::len_mismatch_fail", "::do_panic", "::panic_cold_explicit"]
            .iter()
            .any(|end| demangled.ends_with(end) || demangled.contains(&format!("{end}::")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_call_means() {
        let check = |name: &str, kind: Option<Kind>| assert_eq!(kind_of(name), kind, "{name}");
        check("core::panicking::panic_bounds_check", Some(Kind::Panic));
        check("core::panicking::panic_const::panic_const_div_by_zero", Some(Kind::Panic));
        check("core::slice::index::slice_index_fail", Some(Kind::Panic));
        check("<alloc::vec::Vec<_>>::swap_remove::assert_failed", Some(Kind::Panic));
        check("alloc::raw_vec::handle_error", Some(Kind::Panic));
        check("std::panicking::panic_count::is_zero_slow_path", None);
        check("__rustc::__rust_alloc", Some(Kind::Allocation));
        check("__rust_realloc", Some(Kind::Allocation));
        check("malloc", Some(Kind::Allocation));
        check("a::malloc", None);
        check("__rustc::__rust_dealloc", Some(Kind::Harmless));
        check("memcpy", Some(Kind::Harmless));
        check("powf", Some(Kind::Harmless));
        check("write", None);
        check("a::assert_failed", None);
    }
}
