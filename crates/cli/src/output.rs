//! Files that appear when they are complete, and standard output.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

/// Bytes collected before a write.
const BUFFER_BYTES: usize = 256 << 10;

/// Where a command writes to.
pub(crate) enum Output {
    /// Standard output, and whether who read it has closed it: libraries that write to it may not
    /// hand that error on as it is.
    Stdout(BufWriter<io::Stdout>, bool),
    /// A file, under a temporary name until [`Output::finish`].
    File(BufWriter<NamedTempFile>, PathBuf),
}

impl Output {
    /// A new file at this path, or standard output.
    ///
    /// # Errors
    /// When no file can be created there.
    pub(crate) fn create(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Stdout(BufWriter::with_capacity(BUFFER_BYTES, io::stdout()), false));
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let file = tempfile::Builder::new()
            .prefix(".tidemill-")
            .permissions(permissions())
            .tempfile_in(parent.unwrap_or(Path::new(".")))
            .with_context(|| format!("{}: could not be created", path.display()))?;
        Ok(Self::File(BufWriter::with_capacity(BUFFER_BYTES, file), path.to_owned()))
    }

    /// Makes the file appear under its name.
    ///
    /// # Errors
    /// When the rest cannot be written.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Stdout(mut stdout, _) => Ok(stdout.flush()?),
            Self::File(file, path) => {
                let failed = || format!("{}: could not be written", path.display());
                let file = file.into_inner().map_err(|e| e.into_error()).with_context(failed)?;
                file.persist(&path).map_err(|e| e.error).with_context(failed)?;
                Ok(())
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout, is_closed) => note_closed(stdout.write(bytes), is_closed),
            Self::File(file, _) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout, is_closed) => note_closed(stdout.flush(), is_closed),
            Self::File(file, _) => file.flush(),
        }
    }
}

fn note_closed<T>(result: io::Result<T>, is_closed: &mut bool) -> io::Result<T> {
    result.inspect_err(|error| *is_closed |= error.kind() == io::ErrorKind::BrokenPipe)
}

/// Those of any new file: the umask takes its part away.
fn permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_when_it_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.csv");
        let mut output = Output::create(Some(&path)).unwrap();
        output.write_all(b"a,b\n").unwrap();
        assert!(!path.exists());
        output.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"a,b\n");
        drop(Output::create(Some(&path)).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
