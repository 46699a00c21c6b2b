"""Answers batches of statements with DuckDB: one process for a whole campaign.

A message is its length (8 bytes, little-endian) and UTF-8 text: statements divided by \\x1d. The
answer holds one part a statement: `E` and the error, or `R` and the rows, divided by \\x1e, their
cells by \\x1f. A cell starts with its type: n(ull), i(nteger), f(loat), b(ool), s(tring).
"""
import os
import struct
import sys

try:
    import duckdb
except ImportError:
    sys.exit(2)


def cell(value):
    if value is None:
        return "n"
    kind = type(value)
    if kind is int:
        return "i%d" % value
    if kind is float:
        return "f%r" % value
    if kind is bool:
        return "b1" if value else "b0"
    if kind is str:
        return "s" + value
    return "?%s %r" % (kind.__name__, value)


def answer(connection, statement):
    try:
        rows = connection.execute(statement).fetchall()
    except Exception as error:
        return "E" + str(error)
    return "R" + "\x1e".join(["\x1f".join(map(cell, row)) for row in rows])


def main():
    # Of a statement that takes two seconds DuckDB shows the progress, on standard output.
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    connection = duckdb.connect()
    connection.execute("SET threads=1")
    connection.execute("SET enable_progress_bar=false")
    while head := source.read(8):
        text = source.read(struct.unpack("<Q", head)[0]).decode()
        answers = [answer(connection, statement) for statement in text.split("\x1d")]
        reply = "\x1d".join(answers).encode()
        sink.write(struct.pack("<Q", len(reply)))
        sink.write(reply)
        sink.flush()


main()
