"""Peers that load: a CSV file into an engine in this process, or a server that is started, flushed and asked what it
holds; the lines are sent to it by another process. One of them, by its name as the argument.

    {"csv": {"file": PATH, …}}            -> {"version": "…", "settings": "…", "seconds": 1.5, "cpu": 2.5, …}
    {"start": {"program": PATH, …}}       -> {"version": "…", "settings": "…", "pid": 123, "port": 456, "path": "/write"}
    {"flush": {}}                         -> {}
    {"check": {"checks": [["cpu", "usage_user"]], "first": NANOSECONDS, "last": NANOSECONDS}} -> {"found": [[COUNT, SUM]]}
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

Request = dict[str, Any]
Answer = dict[str, Any]


def timed(work: Callable[[], Any]) -> tuple[Any, Answer]:
    """What comes of it, and its seconds, of the clock and of processors, all threads."""
    start, machine, cpu = time.perf_counter(), machine_cpu_seconds(), time.process_time()
    result = work()
    answer = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    return result, {**answer, "machine": machine_cpu_seconds() - machine, "peak": peak_bytes()}


def machine_cpu_seconds() -> float:
    """Seconds that processors of this machine were busy, for anyone."""
    with open("/proc/stat", encoding="utf-8") as file:
        user, nice, system, _idle, _waiting, *interrupts = map(int, file.readline().split()[1:9])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def peak_bytes() -> int:
    """The most memory that this process ever had."""
    with open("/proc/self/status", encoding="utf-8") as file:
        line = next(line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def columns(request: Request) -> list[tuple[str, bool]]:
    """The columns of a CSV file by name, and whether they are integers."""
    with open(request["file"], encoding="utf-8") as file:
        names = file.readline().strip().split(",")
    numbers = {*request["fields"], "time"}
    return [(name, name in numbers) for name in names]


def counts(request: Request) -> str:
    """What is asked of a loaded table, in SQL."""
    return ", ".join(f"count({field}), sum({field})" for _, field in request["checks"])


def pairs(row: Any) -> list[list[Any]]:
    """Counts and sums that stand in one row."""
    values = [int(value) for value in row]
    return [list(pair) for pair in zip(values[::2], values[1::2])]


def duckdb(request: Request) -> Answer:
    """A table in a database file: the file is written, and synced, by the checkpoint."""
    import duckdb as engine

    folder = tempfile.mkdtemp(dir=request["folder"])
    try:
        database = engine.connect(f"{folder}/db")
        database.execute(f"SET threads = {request['threads']}")
        database.execute("SET preserve_insertion_order = false")
        kinds = {name: "BIGINT" if is_number else "VARCHAR" for name, is_number in columns(request)}
        source = f"read_csv('{request['file']}', header = true, columns = {kinds})"

        def work() -> None:
            database.execute(f"CREATE TABLE cpu AS SELECT * REPLACE (make_timestamp_ns(time) AS time) FROM {source}")
            database.execute("CHECKPOINT")

        _, answer = timed(work)
        found = pairs(database.execute(f"SELECT {counts(request)} FROM cpu").fetchone())
        stored = os.path.getsize(f"{folder}/db")
    finally:
        shutil.rmtree(folder)
    settings = f"CREATE TABLE AS read_csv into a database file, types given, order not kept; checkpoint, synced; {request['threads']} threads"
    return {**answer, "found": found, "stored": stored, "version": engine.__version__, "settings": settings}


def polars(request: Request) -> Answer:
    """Reads only, into memory: the fastest of three ways."""
    import polars as engine

    schema = {name: engine.Int64 if is_number else engine.String for name, is_number in columns(request)}
    ways: dict[str, Callable[[], Any]] = {
        "read_csv": lambda: engine.read_csv(request["file"], schema=schema),
        "scan_csv, in memory": lambda: engine.scan_csv(request["file"], schema=schema).collect(engine="in-memory"),
        "scan_csv, streaming": lambda: engine.scan_csv(request["file"], schema=schema).collect(engine="streaming"),
    }
    times: dict[str, Answer] = {}
    for name, way in ways.items():
        frame, times[name] = timed(way)
        found = [[int(frame[field].count()), int(frame[field].sum())] for _, field in request["checks"]]
        del frame
    fastest = min(times, key=lambda name: times[name]["seconds"])
    settings = f"reads into a frame in memory, types given, nothing is kept; the fastest of {', '.join(ways)}; {engine.thread_pool_size()} threads"
    return {**times[fastest], "found": found, "version": engine.__version__, "settings": settings}


def clickhouse(request: Request) -> Answer:
    """A MergeTree: parts are written as they come, and not synced, as is its default."""
    import chdb
    from chdb.session import Session

    folder = tempfile.mkdtemp(dir=request["folder"])
    try:
        session = Session(folder)
        run = session.query
        threads = request["threads"]
        texts = {True: "Int64", False: "LowCardinality(String)"}
        kinds = [f"{name} {'DateTime64(9, %r)' % 'UTC' if name == 'time' else texts[is_number]}" for name, is_number in columns(request)]
        raw = ", ".join(f"{name} {'Int64' if is_number else 'String'}" for name, is_number in columns(request))
        chosen = ", ".join("fromUnixTimestamp64Nano(time, 'UTC')" if name == "time" else name for name, _ in columns(request))
        run("CREATE DATABASE tsbs")
        run("USE tsbs")
        run(f"CREATE TABLE cpu ({', '.join(kinds)}) ENGINE = MergeTree ORDER BY (hostname, time)")
        run(f"SET max_threads = {threads}")
        _, answer = timed(
            lambda: run(
                f"INSERT INTO cpu SELECT {chosen} FROM file('{request['file']}', CSVWithNames, '{raw}') "
                f"SETTINGS max_insert_threads = {threads}"
            )
        )
        found = pairs(json.loads(run(f"SELECT {counts(request)} FROM cpu", "JSONCompactEachRow").bytes()))
        size = run("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'cpu'", "CSV")
        stored = int(size.bytes().decode().strip().strip('"'))
        session.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    settings = f"INSERT INTO MergeTree ORDER BY (hostname, time) FROM file, tags LowCardinality(String); not synced (its default), later merges not counted; {threads} threads"
    return {**answer, "found": found, "stored": stored, "version": chdb.__version__, "settings": settings}


class VictoriaMetrics:
    """A server; rows show when what waits in memory was flushed to parts."""

    path = "/write?precision=ns"
    settings = "its defaults: no log of writes, no sync before it acknowledges; clock until /internal/force_flush has made all rows visible"

    def __init__(self, request: Request) -> None:
        from server import Server
        from victoria_metrics_server import ARGUMENTS

        self.server = Server(request["program"], [*ARGUMENTS, "-search.maxQueryDuration=10m"], request["folder"], "/health")

    def flush(self) -> None:
        """Until all rows show."""
        self.server.request("GET", "/internal/force_flush")

    def found(self, table: str, field: str, first: int, last: int) -> list[Any]:
        """Counted over the whole span, by milliseconds."""
        values = []
        span = f"{(last - first) // 1_000_000 + 1}ms"
        for function in ("count", "sum"):
            query = f"sum({function}_over_time({table}_{field}[{span}]))"
            arguments = {"query": query, "time": last // 1_000_000 / 1000, "nocache": 1}
            answer = self.server.request("GET", "/api/v1/query?" + urllib.parse.urlencode(arguments))
            result = json.loads(answer)["data"]["result"]
            values.append(float(result[0]["value"][1]) if result else 0.0)
        return [int(values[0]), values[1]]


class InfluxDb:
    """A server; what it acknowledges is in its log, synced, and shows."""

    path = "/write?db=tsbs&precision=ns"
    settings = "tsi1 index; each write synced to its log (its default) and visible when acknowledged; clock until the last acknowledgement"

    def __init__(self, request: Request) -> None:
        from influxdb_server import start

        self.server = start(request["program"], request["folder"])
        self.server.request("POST", "/query?" + urllib.parse.urlencode({"q": "CREATE DATABASE tsbs"}))

    def flush(self) -> None:
        """Nothing waits."""

    def found(self, table: str, field: str, first: int, last: int) -> list[Any]:
        """Counted over the whole table."""
        query = {"db": "tsbs", "q": f'SELECT count("{field}"), sum("{field}") FROM "{table}"'}
        answer = self.server.request("GET", "/query?" + urllib.parse.urlencode(query))
        series = json.loads(answer)["results"][0].get("series")
        _, count, total = series[0]["values"][0] if series else (0, 0, 0.0)
        return [int(count), float(total)]


ENGINES = {"duckdb": duckdb, "polars": polars, "clickhouse": clickhouse}
SERVERS = {"victoriametrics": VictoriaMetrics, "influxdb": InfluxDb}


def main(name: str) -> None:
    """Answers requests until there are no more."""
    server: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        answer: Answer = {}
        if "csv" in request:
            answer = ENGINES[name](request["csv"])
        elif "start" in request:
            kind = SERVERS[name]
            server = kind(request["start"])
            held = server.server
            answer = {"pid": held.process.pid, "port": held.port, "path": kind.path, "settings": kind.settings, "version": request["start"]["version"]}
        elif "flush" in request:
            server.flush()
        else:
            check = request["check"]
            answer = {"found": [server.found(table, field, check["first"], check["last"]) for table, field in check["checks"]]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
