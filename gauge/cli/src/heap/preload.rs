//! The library that counts, and which programs it can count in.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::Message;
use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};

/// Where its sources stand: beside those of this program, when it was built.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../probe");

/// The library: built from the sources of the probe, unless that was done.
///
/// An installed `cargo-gauge` has the sources too: `cargo install --path` leaves them where they are, and
/// `--git` keeps its checkout.
///
/// # Errors
/// When the sources are gone, or cargo fails: it has printed why.
pub fn library() -> Result<PathBuf> {
    let sources = Path::new(SOURCES);
    ensure!(
        sources.join("Cargo.toml").is_file(),
        "the sources of gauge-probe, from which the library to preload is built, are no longer \
         where they were ({SOURCES}): install cargo-gauge anew, or name the library with --preload"
    );
    let mut command = Command::new("cargo");
    command.args(["rustc", "--package", "gauge-probe", "--lib", "--crate-type", "cdylib"]);
    command.args(["--features", "preload", "--release", "--quiet"]);
    command.arg("--message-format=json-render-diagnostics");
    command.arg("--target-dir").arg(cache()?.join("preload"));
    // With its own toolchain, whatever that of the project is that is looked at.
    command.current_dir(sources).env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC");
    command.env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.env("RUSTFLAGS", "-Cforce-frame-pointers=yes");
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let Some(stdout) = child.stdout.take() else { bail!("cargo has no standard output") };
    let mut found = None;
    for message in Message::parse_stream(std::io::BufReader::new(stdout)) {
        if let Message::CompilerArtifact(artifact) = message?
            && artifact.target.name == "gauge_probe"
        {
            let mut files = artifact.filenames.into_iter().map(PathBuf::from);
            found = files.find(|file| file.extension().is_some_and(|end| end == "so"));
        }
    }
    ensure!(child.wait()?.success(), "cargo could not build the library to preload: see above");
    found.context("cargo built no library to preload")
}

/// The user's folder for what can be built again.
fn cache() -> Result<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|folder| !folder.is_empty());
    let base = folder("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(folder("HOME")?).join(".cache")));
    Ok(base.context("neither HOME nor XDG_CACHE_HOME is set")?.join("cargo-gauge"))
}

/// The file that a command's first word means.
///
/// # Errors
/// When there is none.
pub fn find_program(word: &str) -> Result<PathBuf> {
    if word.contains('/') {
        return Ok(PathBuf::from(word));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut files = std::env::split_paths(&path).map(|folder| folder.join(word));
    files.find(|file| file.is_file()).with_context(|| format!("no program `{word}` in PATH"))
}

/// Whether the library can be preloaded into a program.
///
/// # Errors
/// When it cannot: says why, and what to do.
pub fn check_program(program: &Path) -> Result<()> {
    let name = program.display();
    let metadata = std::fs::metadata(program).with_context(|| name.to_string())?;
    let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
    let changes_user = metadata.mode() & 0o4000 != 0 && metadata.uid() != uid.as_raw();
    let changes_group = metadata.mode() & 0o2000 != 0 && metadata.gid() != gid.as_raw();
    if changes_user || changes_group {
        bail!(
            "{name} runs as another user or group (setuid, setgid): the loader preloads nothing \
             into it. Run a copy without these bits, or as its owner"
        );
    }
    let bytes = std::fs::read(program).with_context(|| name.to_string())?;
    if let Some(script) = bytes.strip_prefix(b"#!") {
        // The interpreter is what runs.
        let line = script.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let word = line.split_whitespace().next().unwrap_or_default();
        return check_elf(&std::fs::read(word).with_context(|| word.to_owned())?, word);
    }
    check_elf(&bytes, &name.to_string())
}

fn check_elf(bytes: &[u8], name: &str) -> Result<()> {
    let instead = "Measure it from within: make gauge_probe::Observed<_, gauge_probe::Sites> its \
                   #[global_allocator] and print its snapshot";
    let Ok(header) = elf::FileHeader64::<object::Endianness>::parse(bytes) else {
        bail!("{name} is no 64-bit ELF program: only such can be measured from outside");
    };
    let endian = header.endian()?;
    let mut interpreter = None;
    for segment in header.program_headers(endian, bytes)? {
        interpreter = interpreter.or(segment.interpreter(endian, bytes)?);
    }
    let Some(interpreter) = interpreter else {
        bail!(
            "{name} is statically linked: there is no allocator to stand in for. {instead}, or \
             link it dynamically (-C target-feature=-crt-static)"
        );
    };
    let interpreter = String::from_utf8_lossy(interpreter);
    if interpreter.contains("ld-musl") {
        bail!(
            "{name} is linked with musl ({interpreter}), the library to preload with glibc. \
             {instead}, or build it for a -gnu target"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file of one header and perhaps an interpreter, for x86-64.
    fn program(interpreter: Option<&str>) -> Vec<u8> {
        let mut bytes = vec![0u8; 64];
        bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
        bytes[16..20].copy_from_slice(&[3, 0, 62, 0]);
        bytes[20] = 1;
        bytes[52] = 64;
        bytes[54] = 56;
        bytes[58] = 64;
        if let Some(text) = interpreter {
            bytes[32] = 64;
            bytes[56] = 1;
            let mut segment = vec![0u8; 56];
            segment[0] = 3;
            segment[8] = 120;
            segment[32] = u8::try_from(text.len() + 1).unwrap();
            bytes.extend(segment);
            bytes.extend(text.as_bytes());
            bytes.push(0);
        }
        bytes
    }

    #[test]
    fn what_cannot_be_measured_says_what_to_do() {
        let check = |bytes: &[u8]| check_elf(bytes, "it").map_err(|error| error.to_string());
        assert_eq!(check(&program(Some("/lib64/ld-linux-x86-64.so.2"))), Ok(()));
        let error = check(&program(None)).unwrap_err();
        assert!(error.contains("statically linked") && error.contains("-crt-static"), "{error}");
        let error = check(&program(Some("/lib/ld-musl-x86_64.so.1"))).unwrap_err();
        assert!(error.contains("musl") && error.contains("global_allocator"), "{error}");
        assert!(check(b"MZ").unwrap_err().contains("no 64-bit ELF"));
    }

    #[test]
    fn programs_are_found_as_a_shell_does() {
        assert_eq!(find_program("./here").unwrap(), Path::new("./here"));
        assert!(find_program("sh").unwrap().is_absolute());
        let error = find_program("no-such-program-anywhere").unwrap_err().to_string();
        assert!(error.contains("in PATH"), "{error}");
    }
}
