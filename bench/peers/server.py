"""What peers that are servers have in common: they are started, fed and asked over HTTP.

The time of a query is from the request's first byte to the answer's last one; what the answer says is read after
that. A form is a request; `read` makes a table of its bytes.
"""

from __future__ import annotations

import atexit
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

# Bytes of a request that writes.
WRITE_BYTES = 4 << 20


class Server:
    """A server on a port of its own, with its data in a folder of its own; both end with this process."""

    def __init__(self, program: str, arguments: list[str], folder: str | None, ping: str) -> None:
        self.folder = tempfile.mkdtemp(dir=folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        filled = [text.format(folder=self.folder, port=self.port) for text in arguments]
        log = open(f"{self.folder}/log", "wb")
        self.process = subprocess.Popen([program, *filled], stdout=log, stderr=log)
        atexit.register(self.stop)
        self.wait(ping)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def wait(self, ping: str) -> None:
        """Until it answers."""
        for _ in range(300):
            if self.process.poll() is not None:
                raise RuntimeError(open(f"{self.folder}/log", encoding="utf-8").read())
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", ping)
                if connection.getresponse().status < 500:
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the server does not answer")

    def settle(self) -> None:
        """Until it has merged what was written, and hardly works any more; two minutes at most."""
        for _ in range(60):
            before = self.cpu_seconds()
            time.sleep(2)
            if self.cpu_seconds() - before < 0.05:
                return

    @contextmanager
    def turn(self) -> Iterator[None]:
        """It runs meanwhile, and rests before and after: its housekeeping takes no time of the others."""
        self.process.send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        """Ends it, and removes its data."""
        self.process.terminate()
        self.process.send_signal(signal.SIGCONT)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
        """Sends a request; its answer's bytes."""
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{answer.status}: {text[:1000]!r}")
        return text

    def write(self, path: str, file: str) -> None:
        """Sends a file of line protocol, in pieces of whole lines."""
        with open(file, "rb") as lines:
            rest = b""
            while piece := lines.read(WRITE_BYTES):
                text, newline, after = (rest + piece).rpartition(b"\n")
                self.request("POST", path, text + newline)
                rest = after
            if rest:
                self.request("POST", path, rest)

    def cpu_seconds(self) -> float:
        """Processor time that it took."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            words = file.read().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
