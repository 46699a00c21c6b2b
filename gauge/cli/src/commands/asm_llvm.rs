//! `cargo gauge asm --llvm`: a function as LLVM has it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cargo_metadata::TargetKind;

use super::{Common, asm};
use crate::artefact::Selection;
use crate::image::Function;
use crate::outcome::Usage;

/// The text of a function: built once more, in one unit, with LLVM's code written out.
///
/// # Errors
/// When cargo fails, or none of the package's own crates has the function.
pub(super) fn function(
    _args: &asm::Args,
    selection: &Selection,
    common: &Common,
    function: &Function,
) -> Result<String> {
    let project = common.project()?;
    let manifest = common.manifest_path.as_deref();
    let package = selection.package(&project, manifest)?;
    let build = selection.build(&project, manifest)?;
    let target_dir = project.gauge_dir().join("llvm");
    // A crate at a time, as `cargo rustc` has it: what was asked for, then the library.
    let mut targets: Vec<Vec<String>> = Vec::new();
    match (&selection.bin, &selection.example) {
        (Some(bin), _) => targets.push(vec!["--bin".to_owned(), bin.clone()]),
        (_, Some(example)) => targets.push(vec!["--example".to_owned(), example.clone()]),
        _ => {
            for target in &package.targets {
                if target.kind.contains(&TargetKind::Bin) {
                    targets.push(vec!["--bin".to_owned(), target.name.clone()]);
                }
            }
        }
    }
    let is_library =
        |kind: &TargetKind| matches!(kind, TargetKind::Lib | TargetKind::RLib | TargetKind::CDyLib);
    if package.targets.iter().any(|target| target.kind.iter().any(is_library)) {
        targets.push(vec!["--lib".to_owned()]);
    }
    let options: Vec<&String> = options(&build.select);
    for target in targets {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["rustc", "--quiet", "--manifest-path"]).arg(&build.manifest);
        command.args(["-p", package.id.repr.as_str(), "--profile", &build.profile]);
        command.arg("--target-dir").arg(&target_dir).args(&options).args(&target);
        command.args(["--", "--emit=llvm-ir,link", "-Ccodegen-units=1"]);
        command.envs(build.variables.iter().map(|(name, value)| (name, value)));
        let status = command.status().context("cannot run cargo")?;
        ensure!(status.success(), "cargo could not build {}: see above", package.name);
        for file in modules(&target_dir)? {
            if let Some(text) = definition(&std::fs::read_to_string(file)?, function) {
                return Ok(text);
            }
        }
    }
    Err(Usage(format!(
        "{} is in none of the crates of {}: name the package that it is of with -p",
        function.name(),
        package.name
    ))
    .into())
}

/// The arguments that are not about which targets: features, configuration.
fn options(select: &[String]) -> Vec<&String> {
    let pairs = select.iter().zip(select.iter().skip(1));
    let with_value = pairs.filter(|(name, _)| matches!(name.as_str(), "--features" | "--config"));
    let flags = select.iter().filter(|name| *name == "--no-default-features");
    with_value.flat_map(|(name, value)| [name, value]).chain(flags).collect()
}

/// LLVM's modules that were written, the newest first.
fn modules(target_dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![target_dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry?.path();
            if path.is_dir() {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                if !matches!(name, "incremental" | "build" | ".fingerprint") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "ll") {
                found.push((std::fs::metadata(&path)?.modified()?, path));
            }
        }
    }
    found.sort();
    Ok(found.into_iter().rev().map(|(_, path)| path).collect())
}

/// The definition of a function in a module, by any of its names.
fn definition(module: &str, function: &Function) -> Option<String> {
    let is_named = |line: &str| {
        line.starts_with("define ")
            && function.names.iter().any(|name| {
                let rest = line.split_once('@').map(|(_, rest)| rest.trim_start_matches('"'));
                let end = |rest: &str| rest.starts_with(['(', '"']);
                rest.and_then(|rest| rest.strip_prefix(name.mangled.as_str())).is_some_and(end)
            })
    };
    let lines: Vec<&str> = module.lines().collect();
    let start = lines.iter().position(|line| is_named(line))?;
    let end = lines[start..].iter().position(|line| *line == "}")?;
    Some(lines[start..=start + end].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Name;

    #[test]
    fn a_definition_ends_with_its_brace() {
        let function = Function { address: 0, size: 0, names: vec![Name::new("two")] };
        let module =
            "define i32 @twofold() {\n}\n\ndefine i32 @two() #0 {\nstart:\n  ret i32 2\n}\n";
        let found = definition(module, &function).unwrap();
        assert_eq!(found, "define i32 @two() #0 {\nstart:\n  ret i32 2\n}");
    }
}
