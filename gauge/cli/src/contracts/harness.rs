//! The harness: a package, made anew from the contracts, whose executable holds the functions they
//! speak of.
//!
//! A small function is inlined away wherever it is called, so it gets a wrapper of its own that may not be;
//! what it calls is never marked: that this is inlined is what is judged. A table of addresses keeps the
//! wrappers alive, and says where each is, whatever its symbol became. The package is a workspace of its own
//! with the project's profiles and locked versions, so that what is judged is compiled as what ships.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::comments::Library;
use super::file::NAME;
use super::plan::{Plan, Source};
use super::signature::names_crate;
use crate::project::Project;

/// The executable that holds the functions.
pub const FUNCTIONS: &str = "gauge-functions";
/// The executable that prints sizes and counts allocations.
pub const MEASURE: &str = "gauge-measure";
/// The static with the addresses of the functions of [`entries`], in their order.
pub const TABLE: &str = "GAUGE_FUNCTIONS";

/// Where the package stands, and what to build of it.
#[derive(Debug)]
pub struct Harness {
    /// Its manifest.
    pub manifest: PathBuf,
    /// Its executables.
    pub bins: Vec<&'static str>,
}

/// Functions that the compiler does not find, by their index, and what it says.
pub type Missing = BTreeMap<usize, String>;

/// The functions of the plan that stand in [`TABLE`].
pub fn entries(plan: &Plan, missing: &Missing) -> impl Iterator<Item = usize> {
    let is_entry = |source: &Source| matches!(source, Source::Code { .. } | Source::Path(_));
    let entries = plan.functions.iter().enumerate().filter(move |(_, f)| is_entry(&f.source));
    entries.map(|(index, _)| index).filter(|index| !missing.contains_key(index))
}

/// The function of the plan whose path stands in that line of the harness, from 1.
pub fn path_in_line(harness: &Harness, line: usize) -> Option<usize> {
    let text = std::fs::read_to_string(harness.manifest.with_file_name("functions.rs")).ok()?;
    let line = text.lines().nth(line.checked_sub(1)?)?;
    line.rsplit_once(PATH_MARK)?.1.parse().ok()
}

/// What stands before the function's index, behind its path.
const PATH_MARK: &str = "; path of function ";

/// Writes the package into `folder`; files that are as they should be are left alone.
///
/// # Errors
/// When the project's manifest cannot be read, or the folder not be written.
pub fn write(
    plan: &Plan,
    missing: &Missing,
    project: &Project,
    libraries: &[Library],
    folder: &Path,
) -> Result<Harness> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let (functions, measure) = (functions(plan, missing), measure(plan));
    let mut bins = vec![FUNCTIONS];
    write_file(&folder.join("functions.rs"), &functions)?;
    if let Some(measure) = &measure {
        write_file(&folder.join("measure.rs"), measure)?;
        bins.push(MEASURE);
    }
    let root = project.root().join("Cargo.toml");
    let text = std::fs::read_to_string(&root).with_context(|| root.display().to_string())?;
    let root: Table = text.parse().with_context(|| root.display().to_string())?;
    let mut manifest = Table::new();
    manifest.insert("package".to_owned(), Value::Table(package(edition(&root, project))));
    let targets = bins.iter().map(|name| {
        let file = format!("{}.rs", name.trim_start_matches("gauge-"));
        Value::Table(table([("name", (*name).into()), ("path", file.into())]))
    });
    manifest.insert("bin".to_owned(), Value::Array(targets.collect()));
    let code = functions + measure.as_deref().unwrap_or_default();
    manifest.insert(
        "dependencies".to_owned(),
        Value::Table(dependencies(plan, project, libraries, &code)?),
    );
    take_over(&mut manifest, &root, &plan.build.profile, project.root());
    let manifest_path = folder.join("Cargo.toml");
    let text = format!("# Made by `cargo gauge check` from {NAME}.\n{manifest}");
    let is_new = write_file(&manifest_path, &text)?;
    lock(project.root(), folder, is_new)?;
    Ok(Harness { manifest: manifest_path, bins })
}

/// The edition that the project's code is written in, as the workspace's manifest says; else the newest of
/// its packages'. Not 2015, whose paths are others.
fn edition(root: &Table, project: &Project) -> String {
    let package =
        |table: Option<&Value>| Some(table?.get("package")?.get("edition")?.as_str()?.to_owned());
    let own = package(root.get("workspace")).or_else(|| package(Some(&Value::Table(root.clone()))));
    let packages = project.metadata.packages.iter().map(|package| package.edition.as_str());
    let found = own.or_else(|| packages.max().map(str::to_owned)).unwrap_or_default();
    found.max("2018".to_owned())
}

fn package(edition: String) -> Table {
    table([
        ("name", "gauge-check".into()),
        ("version", "0.0.0".into()),
        ("edition", edition.into()),
        ("publish", false.into()),
        ("autobins", false.into()),
    ])
}

/// What is common to harness and project: how it is compiled, and with which sources.
fn take_over(manifest: &mut Table, root: &Table, profile: &str, project: &Path) {
    let from = |key: &str| root.get("workspace").and_then(|workspace| workspace.get(key));
    let resolver = from("resolver").cloned().unwrap_or_else(|| "2".into());
    manifest.insert("workspace".to_owned(), Value::Table(table([("resolver", resolver)])));
    let mut profiles = match root.get("profile") {
        Some(Value::Table(profiles)) => profiles.clone(),
        _ => Table::new(),
    };
    let chosen = profiles.entry(profile).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(chosen) = chosen {
        // Symbols name what is called, lines say where; neither changes the code.
        chosen.insert("strip".to_owned(), "none".into());
        let has_lines = chosen.get("debug").is_some_and(|debug| {
            !matches!(debug, Value::Boolean(false) | Value::Integer(0))
                && debug.as_str() != Some("none")
        });
        if !has_lines && profile != "dev" {
            chosen.insert("debug".to_owned(), "line-tables-only".into());
        }
    }
    manifest.insert("profile".to_owned(), Value::Table(profiles));
    if let Some(patch) = root.get("patch") {
        let mut patch = patch.clone();
        absolute_paths(&mut patch, project);
        manifest.insert("patch".to_owned(), patch);
    }
}

/// The crates that the code names, those that are listed, and the counting allocator.
fn dependencies(
    plan: &Plan,
    project: &Project,
    libraries: &[Library],
    code: &str,
) -> Result<Table> {
    let mut found = Table::new();
    let packages = &project.metadata.packages;
    for package in packages {
        let folder = package.manifest_path.parent().map(|path| path.as_str());
        let path = || table([("path", folder.unwrap_or_default().into())]);
        let listed = plan.dependencies.get(package.name.as_str());
        let library = libraries.iter().find(|library| {
            package.targets.iter().any(|target| target.src_path.as_std_path() == library.root)
        });
        let is_named = library.is_some_and(|library| names_crate(code, &library.name));
        if let Some(Value::Table(listed)) = listed {
            let mut dependency = path();
            dependency.extend(listed.clone());
            found.insert(package.name.to_string(), Value::Table(dependency));
        } else if is_named {
            found.insert(package.name.to_string(), Value::Table(path()));
        }
    }
    for (name, dependency) in &plan.dependencies {
        let mut dependency = dependency.clone();
        absolute_paths(&mut dependency, project.root());
        found.entry(name.clone()).or_insert(dependency);
    }
    if !plan.allocations.is_empty() && !found.contains_key("gauge-probe") {
        // From the sources this program was built from, or its own release.
        let probe = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../probe"));
        let dependency = match probe.canonicalize() {
            Ok(path) => table([("path", path.display().to_string().into())]),
            Err(_) => table([("version", concat!("=", env!("CARGO_PKG_VERSION")).into())]),
        };
        found.insert("gauge-probe".to_owned(), Value::Table(dependency));
    }
    Ok(found)
}

/// The project's lock file, so that versions are the same. Cargo drops what the harness does not need;
/// the copy beside it tells whether the project's has changed since.
fn lock(project: &Path, folder: &Path, is_new: bool) -> Result<()> {
    let Ok(text) = std::fs::read_to_string(project.join("Cargo.lock")) else { return Ok(()) };
    if write_file(&folder.join("project.lock"), &text)? || is_new {
        std::fs::write(folder.join("Cargo.lock"), text)?;
    }
    Ok(())
}

fn functions(plan: &Plan, missing: &Missing) -> String {
    let mut text = format!("// Made by `cargo gauge check` from {NAME}.\n#![allow(warnings)]\n");
    let mut addresses = String::new();
    let mut count = 0;
    for (index, function) in entries(plan, missing).map(|index| (index, &plan.functions[index])) {
        count += 1;
        let place = format!("{}:{}", function.place.file, function.place.line);
        let path = match &function.source {
            Source::Code { text: code, function } => {
                _ = writeln!(text, "mod function_{index} {{ // {place}\n{code}\n}}");
                format!("function_{index}::{function}")
            }
            Source::Path(path) => {
                _ = writeln!(
                    addresses,
                    "    AtomicPtr::new({path} as *mut ()), // {place}{PATH_MARK}{index}"
                );
                continue;
            }
            Source::Symbol(_) | Source::Binary { .. } => continue,
        };
        _ = writeln!(addresses, "    AtomicPtr::new({path} as *mut ()), // {place}");
    }
    let kept = &plan.build.keep;
    let keep = kept.iter().map(|path| format!("    AtomicPtr::new({path} as *mut ()),\n"));
    let (keep, keeps): (String, usize) = (keep.collect(), kept.len());
    _ = write!(
        text,
        "use std::sync::atomic::AtomicPtr;\n#[used]\n#[unsafe(no_mangle)]\n\
         pub static {TABLE}: [AtomicPtr<()>; {count}] = [\n{addresses}];\n\
         static KEPT: [AtomicPtr<()>; {keeps}] = [\n{keep}];\n\
         fn main() {{\n    std::hint::black_box((&{TABLE}, &KEPT));\n}}\n"
    );
    text
}

/// Prints `size NUMBER BYTES` for each type when called with `sizes`; `allocations REQUESTS BYTES` for the code of
/// the number it is called with.
fn measure(plan: &Plan) -> Option<String> {
    if plan.sizes.is_empty() && plan.allocations.is_empty() {
        return None;
    }
    let mut text = format!("// Made by `cargo gauge check` from {NAME}.\n#![allow(warnings)]\n");
    let (mut sizes, mut choices) = (String::new(), String::new());
    for (index, (size, place)) in plan.sizes.iter().enumerate() {
        let name = size.name.as_ref();
        _ = writeln!(
            sizes,
            "    println!(\"size {index} {{}}\", std::mem::size_of::<{name}>()); // {}:{}",
            place.file, place.line
        );
    }
    if !plan.allocations.is_empty() {
        text += "#[global_allocator]\nstatic ALLOCATOR: gauge_probe::Counting<std::alloc::System> =\n    \
                 gauge_probe::Counting::new(std::alloc::System);\n";
    }
    for (index, (allocations, place)) in plan.allocations.iter().enumerate() {
        _ = write!(
            text,
            "fn allocations_{index}() {{ // {}:{}\n{}\n\
             let gauge_scope = gauge_probe::Scope::start();\n\
             let gauge_result = {{\n{}\n}};\n\
             std::hint::black_box(&gauge_result);\n\
             let gauge_counts = gauge_scope.stop().process;\n\
             println!(\"\\nallocations {{}} {{}}\", gauge_counts.requests(), gauge_counts.bytes_allocated);\n}}\n",
            place.file,
            place.line,
            allocations.setup,
            allocations.code.as_ref(),
        );
        _ = writeln!(choices, "        Some(\"{index}\") => allocations_{index}(),");
    }
    _ = write!(
        text,
        "fn sizes() {{\n{sizes}}}\nfn main() {{\n    match std::env::args().nth(1).as_deref() {{\n{choices}        \
         _ => sizes(),\n    }}\n}}\n"
    );
    Some(text)
}

/// Has relative paths start at the project.
fn absolute_paths(value: &mut Value, project: &Path) {
    let Value::Table(table) = value else { return };
    for (key, value) in table.iter_mut() {
        match value {
            Value::String(path) if key == "path" => {
                *path = project.join(&*path).display().to_string();
            }
            _ => absolute_paths(value, project),
        }
    }
}

/// Writes a file unless it is as it should be: then nothing that depends on it is built again. Returns
/// whether it was written.
fn write_file(path: &Path, text: &str) -> Result<bool> {
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(false);
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())?;
    Ok(true)
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::plan::plan;

    #[test]
    fn the_profile_is_the_projects_but_for_symbols_and_lines() {
        let root: Table = "[workspace]\nresolver = \"3\"\n[profile.release]\nlto = \"fat\"\n\
                           codegen-units = 1\nstrip = true\ndebug = 0\n\
                           [profile.release.package.slow]\nopt-level = 0\n\
                           [patch.crates-io]\nhex = { path = \"vendor/hex\" }\n"
            .parse()
            .unwrap();
        let taken = |profile: &str| {
            let mut manifest = Table::new();
            take_over(&mut manifest, &root, profile, Path::new("/project"));
            manifest
        };
        let manifest = taken("release");
        let release = manifest["profile"]["release"].as_table().unwrap();
        assert_eq!(release["lto"].as_str(), Some("fat"));
        assert_eq!(release["codegen-units"].as_integer(), Some(1));
        assert_eq!(release["strip"].as_str(), Some("none"));
        assert_eq!(release["debug"].as_str(), Some("line-tables-only"));
        assert_eq!(release["package"]["slow"]["opt-level"].as_integer(), Some(0));
        assert_eq!(manifest["workspace"]["resolver"].as_str(), Some("3"));
        let patch = &manifest["patch"]["crates-io"]["hex"]["path"];
        assert_eq!(patch.as_str(), Some("/project/vendor/hex"));
        // One that is not there is made; the debug information of `dev` is complete already.
        assert_eq!(taken("bench")["profile"]["bench"]["strip"].as_str(), Some("none"));
        assert!(taken("dev")["profile"]["dev"].get("debug").is_none());
    }

    #[test]
    fn the_edition_is_the_projects() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let project = Project::find(Some(&manifest)).unwrap();
        for (root, expected) in [
            ("[workspace.package]\nedition = \"2021\"\n", "2021"),
            ("[package]\nname = \"a\"\nedition = \"2018\"\n", "2018"),
            ("[package]\nname = \"a\"\nedition = \"2015\"\n", "2018"),
            ("[workspace]\nmembers = []\n", "2024"),
        ] {
            assert_eq!(edition(&root.parse().unwrap(), &project), expected, "{root}");
        }
    }

    #[test]
    fn a_wrapper_is_not_inlined_and_its_callee_is_left_alone() {
        let text = "[[function]]\ncode = \"\"\"use a::f;\npub fn g(x: u8) -> u8 { f(x) }\"\"\"\n\
                    [[function]]\npath = \"a::h\"\n[[contract]]\nfunction = [\"g\", \"a::i\"]\nno = [\"call\"]\n\
                    [build]\nkeep = [\"a::i_by_pointer\"]\n";
        let plan = plan(text, Vec::new()).unwrap();
        let code = functions(&plan, &Missing::new());
        assert!(
            code.contains("use a::f;\n#[inline(never)] pub fn g(x: u8) -> u8 { f(x) }"),
            "{code}"
        );
        assert!(code.contains("GAUGE_FUNCTIONS: [AtomicPtr<()>; 2]"), "{code}");
        assert!(
            code.contains("AtomicPtr::new(function_0::g as *mut ()), // gauge.toml:1"),
            "{code}"
        );
        assert!(code.contains("AtomicPtr::new(a::h as *mut ()), // gauge.toml:4"), "{code}");
        assert!(
            code.contains("KEPT: [AtomicPtr<()>; 1] = [\n    AtomicPtr::new(a::i_by_pointer as"),
            "{code}"
        );
        assert_eq!(code.matches("inline(never)").count(), 1);
        assert_eq!(measure(&plan), None);
    }

    #[test]
    fn a_file_that_is_as_it_should_be_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(write_file(&path, "a").unwrap());
        assert!(!write_file(&path, "a").unwrap());
        assert!(write_file(&path, "b").unwrap());
        // The project's lock file is taken again only when it, or what is wanted, is another.
        let project = folder.path().join("project");
        std::fs::create_dir(&project).unwrap();
        std::fs::write(project.join("Cargo.lock"), "1").unwrap();
        let locked = || std::fs::read_to_string(folder.path().join("Cargo.lock")).unwrap();
        lock(&project, folder.path(), false).unwrap();
        std::fs::write(folder.path().join("Cargo.lock"), "pruned").unwrap();
        lock(&project, folder.path(), false).unwrap();
        assert_eq!(locked(), "pruned");
        lock(&project, folder.path(), true).unwrap();
        assert_eq!(locked(), "1");
    }
}
