//! Profile-guided optimisation: `llvm-profdata`, and what the compiler is told.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// The `llvm-profdata` that reads this compiler's profiles: of its own toolchain, else of its LLVM's version.
///
/// # Errors
/// When there is none: says how to get it.
pub fn profdata() -> Result<PathBuf> {
    let version = output(Command::new("rustc").arg("-vV")).context("rustc -vV")?;
    let field = |key: &str| version.lines().find_map(|line| line.strip_prefix(key));
    let major = field("LLVM version: ").and_then(|version| version.split('.').next());
    let major = major.context("rustc does not tell its LLVM's version")?;
    let host = field("host: ").context("rustc does not tell its host")?;
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"])).unwrap_or_default();
    let own = Path::new(sysroot.trim()).join("lib/rustlib").join(host).join("bin/llvm-profdata");
    let versioned = PathBuf::from(format!("llvm-profdata-{major}"));
    for program in [own, versioned] {
        if output(Command::new(&program).arg("--version")).is_some() {
            return Ok(program);
        }
    }
    let plain = output(Command::new("llvm-profdata").arg("--version")).unwrap_or_default();
    if plain.contains(&format!("version {major}.")) {
        return Ok("llvm-profdata".into());
    }
    bail!(
        "no llvm-profdata for LLVM {major} is there: `apt install llvm-{major}` or `rustup component add llvm-tools`"
    )
}

/// Merges what instrumented runs left in `raw` into one profile.
///
/// # Errors
/// When they left nothing, or it cannot be merged.
pub fn merge(profdata: &Path, raw: &Path, merged: &Path) -> Result<()> {
    let left = std::fs::read_dir(raw).into_iter().flatten().count();
    ensure!(left > 0, "the instrumented program left no profile in {}", raw.display());
    let mut command = Command::new(profdata);
    command.arg("merge").arg("-o").arg(merged).arg(raw).stdout(Stdio::null());
    let output = command.output().with_context(|| profdata.display().to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} failed: {}", profdata.display(), said.trim());
    Ok(())
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
