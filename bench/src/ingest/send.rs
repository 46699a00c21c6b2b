//! A light client: bytes as they stand in a file, over HTTP, from several connections.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

/// How lines are sent.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    /// Connections, or threads that write.
    pub connections: usize,
    /// Lines of a request.
    pub lines: usize,
}

/// Sends the lines of a file, each connection the next ones that are left, to what `open` makes for it. Returns
/// milliseconds from sending to being acknowledged, of each request, ascending.
///
/// # Errors
/// When the file cannot be read, or lines are refused.
pub fn send<P: FnMut(&[u8]) -> Result<()>>(
    file: &Path,
    sending: Sending,
    open: impl Fn() -> Result<P> + Sync,
) -> Result<Vec<f64>> {
    let lines = Mutex::new(BufReader::with_capacity(1 << 20, File::open(file)?));
    let work = || -> Result<Vec<f64>> {
        let (mut post, mut piece, mut times) = (open()?, Vec::new(), Vec::new());
        loop {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            take_lines(&mut *lines, sending.lines, &mut piece)?;
            drop(lines);
            if piece.is_empty() {
                return Ok(times);
            }
            let start = Instant::now();
            post(&piece)?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    };
    let mut times = std::thread::scope(|scope| {
        let all: Vec<_> = (0..sending.connections).map(|_| scope.spawn(work)).collect();
        let join = |one: std::thread::ScopedJoinHandle<'_, _>| {
            one.join().unwrap_or_else(|_| bail!("a connection's thread panicked"))
        };
        all.into_iter().map(join).collect::<Result<Vec<_>>>()
    })?
    .concat();
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// The next lines over `piece`, none at the end.
fn take_lines(lines: &mut impl BufRead, count: usize, piece: &mut Vec<u8>) -> Result<()> {
    piece.clear();
    for _ in 0..count {
        if lines.read_until(b'\n', piece)? == 0 {
            break;
        }
    }
    Ok(())
}

/// Where one writes.
#[derive(Clone, Debug)]
pub struct Target {
    /// The port, on this machine.
    pub port: u16,
    /// What is asked for, with its arguments.
    pub path: String,
}

/// A connection that is kept.
pub struct Connection {
    target: Target,
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn open(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", target.port))?;
        stream.set_nodelay(true)?;
        Ok(Self { target: target.clone(), stream: BufReader::new(stream) })
    }

    /// Sends a body and waits until it is taken.
    ///
    /// # Errors
    /// When the server says anything but that.
    pub fn post(&mut self, body: &[u8]) -> Result<()> {
        let Target { port, path } = &self.target;
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {length}\r\n\r\n"
        );
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let (status, answer) = self.answer()?;
        ensure!((200..300).contains(&status), "{status}: {}", String::from_utf8_lossy(&answer));
        Ok(())
    }

    fn answer(&mut self) -> Result<(u16, Vec<u8>)> {
        let (mut line, mut status, mut length) = (String::new(), None, 0);
        loop {
            line.clear();
            ensure!(self.stream.read_line(&mut line)? > 0, "the server hung up");
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            match text.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse()?;
                }
                _ if status.is_none() => {
                    status = text.split(' ').nth(1).map(str::parse).transpose()?
                }
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status.context("no status")?, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn all_lines_are_sent_once() -> Result<()> {
        let text: String = (100..1105).map(|line| format!("{line}\n")).collect();
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(text.as_bytes())?;
        let taken = Mutex::new(Vec::new());
        let take = |piece: &[u8]| {
            let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
            taken.push(String::from_utf8(piece.to_vec())?);
            Ok(())
        };
        let times = send(file.path(), Sending { connections: 3, lines: 100 }, || Ok(take))?;
        let mut taken = taken.into_inner()?;
        assert_eq!((times.len(), taken.len()), (11, 11));
        taken.sort_by_key(|piece| piece.lines().next().and_then(|line| line.parse::<u32>().ok()));
        let counts: Vec<usize> = taken.iter().map(|piece| piece.lines().count()).collect();
        assert!(counts[..10].iter().all(|count| *count == 100) && counts[10] == 5, "{counts:?}");
        assert_eq!(taken.concat(), text);
        Ok(())
    }

    #[test]
    fn what_a_server_refuses_is_an_error() -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let target = Target { port: listener.local_addr()?.port(), path: "/write?a=b".to_owned() };
        let server = std::thread::spawn(move || -> Result<Vec<u8>> {
            let (mut stream, _) = listener.accept()?;
            let mut all = Vec::new();
            for answer in ["204 No Content\r\n", "400 Bad Request\r\ncontent-length: 3\r\n"] {
                let mut buffer = [0; 1000];
                while !all.ends_with(b"body") {
                    let read = stream.read(&mut buffer)?;
                    all.extend_from_slice(&buffer[..read]);
                }
                stream.write_all(format!("HTTP/1.1 {answer}\r\n").as_bytes())?;
                stream.write_all(if answer.starts_with('4') { b"why" } else { b"" })?;
                all.push(b'|');
            }
            Ok(all)
        });
        let mut connection = Connection::open(&target)?;
        connection.post(b"body")?;
        let Err(error) = connection.post(b"body") else { bail!("it was taken") };
        assert_eq!(error.to_string(), "400: why");
        drop(connection);
        let all = server.join().unwrap_or_else(|_| bail!("panicked"))?;
        assert!(String::from_utf8(all)?.starts_with("POST /write?a=b HTTP/1.1\r\n"));
        Ok(())
    }
}
