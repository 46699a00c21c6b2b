"""What a peer in Python has in common with the others: requests, a JSON object a line, on standard input; an
answer each, a line, on standard output.

    {"load": {"tables": […], "threads": 2, …}}  -> {"version": "…", "settings": "…", "seconds": 1.5}
    {"ask": QUERY, "again": QUERY or null, "keep": PATH or null}
                              -> {"ms": 1.25, "form": "…"}, with "again": 0.75 of that; or {} of what cannot be asked

A query is data: its kind and its literals. Every peer says it in all the ways it knows, and the fastest of them
for a query's name is taken from then on. The time is that of executing and of fetching the answer as Arrow; what is
kept, for comparing, is written after the clock has stopped.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

Query = dict[str, Any]
# What runs a query; of a server it gives the bytes of its answer, which `read` makes a table of.
Form = tuple[str, Callable[[], Any]]

# Columns of times, which may be numbers of nanoseconds already.
TIMES = ("time", "bucket")
# Times each form is asked before one is chosen, the first not counted.
TRIALS = 4


@dataclass(frozen=True)
class Table:
    """A table of the data: a file of CSV with `time`, the tags, then the fields."""

    name: str
    csv: str
    # The tag that tells devices apart; every row has it.
    key: str
    # Fields by name: "int" or "float".
    fields: dict[str, str]
    # Whether other tags, and fields, may be missing: they are NULL then.
    has_gaps: bool

    @cached_property
    def columns(self) -> dict[str, str]:
        """All columns in the file's order: "time", "tag", "int" or "float"."""
        with open(self.csv, encoding="utf-8") as file:
            names = file.readline().strip().split(",")
        return {name: self.fields.get(name, "time" if name == "time" else "tag") for name in names}

    @property
    def tags(self) -> list[str]:
        """The columns that are tags."""
        return [name for name, kind in self.columns.items() if kind == "tag"]

    def may_lack(self, name: str) -> bool:
        """Whether a column has NULLs."""
        return self.has_gaps and name not in ("time", self.key)


class Peer:
    """One engine; `load` and `forms` are its own."""

    def __init__(self) -> None:
        self.chosen: dict[str, str] = {}
        self.tables: dict[str, Table] = {}

    def load(self, request: dict[str, Any]) -> tuple[str, str]:
        """Loads `self.tables`; the version and the settings that matter."""
        raise NotImplementedError

    def forms(self, query: Query) -> list[Form]:
        """A query in every formulation, each with a name that does not depend on literals."""
        raise NotImplementedError

    def read(self, answer: Any, query: Query) -> pa.Table:
        """The table of an answer."""
        return answer

    def ask(self, query: Query, again: Query | None, keep: str | None) -> dict[str, Any]:
        """Runs a query in its best formulation, and one more in the same turn; a peer that has none answers nothing."""
        forms = dict(self.forms(query))
        if not forms:
            return {}
        with self.turn():
            told = self.answer(forms, query, keep)
            if again is not None:
                told["again"] = self.answer(dict(self.forms(again)), again, None)["ms"]
            return told

    def turn(self) -> AbstractContextManager[None]:
        """Around everything that is asked: what runs beside this process runs then alone."""
        return nullcontext()

    def answer(self, forms: dict[str, Callable[[], Any]], query: Query, keep: str | None) -> dict[str, Any]:
        """Runs the fastest of the formulations."""
        name = self.chosen.get(query["name"])
        if name is None:
            name = min(forms, key=lambda form: trial(forms[form]))
            self.chosen[query["name"]] = name
        start = time.perf_counter()
        answer = forms[name]()
        elapsed = (time.perf_counter() - start) * 1e3
        if keep:
            write(self.read(answer, query), query["columns"], self.tables[query["table"]].tags, keep)
        return {"ms": elapsed, "form": name}

    def run(self) -> None:
        """Answers requests until there are no more."""
        for line in sys.stdin:
            request = json.loads(line)
            if "load" in request:
                tables = [Table(**table) for table in request["load"]["tables"]]
                self.tables = {table.name: table for table in tables}
                start = time.perf_counter()
                version, settings = self.load(request["load"])
                seconds = time.perf_counter() - start
                answer = {"version": version, "settings": settings, "seconds": seconds}
            else:
                answer = self.ask(request["ask"], request["again"], request["keep"])
            print(json.dumps(answer), flush=True)


def trial(form: Callable[[], Any]) -> float:
    """Seconds that a formulation takes, the median."""
    times = []
    for _ in range(TRIALS):
        start = time.perf_counter()
        form()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def write(table: pa.Table, columns: list[str], tags: list[str], path: str) -> None:
    """Writes an answer as every peer does: columns by name, times as nanoseconds, tags plain, numbers as doubles."""
    arrays = []
    for name in columns:
        column = table.column(name).combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_date(column.type):
            column = column.cast(pa.timestamp("ns"))
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64())
        elif name in tags:
            # Of a server, without a type if all are NULL.
            column = column.cast(pa.string())
        elif name not in TIMES:
            column = column.cast(pa.float64(), safe=False)
        arrays.append(column)
    kept = pa.table(arrays, names=columns)
    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, kept.schema) as writer:
        writer.write_table(kept)
