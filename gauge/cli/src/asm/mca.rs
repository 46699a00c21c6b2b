//! What LLVM's model of the processor says of a loop: `llvm-mca`.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use iced_x86::{Formatter, GasFormatter, Instruction, OpKind};

/// Names under which it is installed, the one of this compiler's LLVM first.
const NAMES: [&str; 2] = ["llvm-mca-22", "llvm-mca"];

/// How it is called here; none where it is not installed.
pub fn find() -> Option<&'static str> {
    let runs = |name: &&&str| {
        let mut command = Command::new(name);
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    NAMES.iter().find(runs).copied()
}

/// What it says of a loop's instructions, for the processor `cpu` or this one.
///
/// # Errors
/// When it fails: it says why.
pub fn run(program: &str, cpu: Option<&str>, instructions: &[Instruction]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(["--bottleneck-analysis", "-mtriple=x86_64-unknown-linux-gnu"]);
    command.args(cpu.map(|cpu| format!("-mcpu={cpu}")));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot run {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text(instructions).as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program}: {}", said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The instructions as it reads them: AT&T's syntax, where sizes stand in the names; jumps go to one
/// label, as it does not follow them.
fn text(instructions: &[Instruction]) -> String {
    let mut formatter = GasFormatter::new();
    formatter.options_mut().set_gas_show_mnemonic_size_suffix(true);
    let mut all = String::from("loop:\n");
    for instruction in instructions {
        if instruction.op0_kind() == OpKind::NearBranch64 {
            let name = format!("{:?}", instruction.mnemonic()).to_lowercase();
            all.push_str(&format!("{name} loop\n"));
            continue;
        }
        let mut line = String::new();
        let mut plain = *instruction;
        if plain.is_ip_rel_memory_operand() {
            plain.set_memory_displacement64(plain.next_ip());
        }
        formatter.format(&plain, &mut line);
        all.push_str(&line);
        all.push('\n');
    }
    all
}
