"""The queries in SQL. What differs between the engines is a `Dialect`."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

Query = dict[str, Any]

MINUTE = 60
HOUR = 3600


@dataclass(frozen=True)
class Dialect:
    """How an engine says what not all say alike; `{…}` is filled in."""

    # A time, from nanoseconds since 1970.
    instant: str
    # Buckets of `{seconds}`, `{unit}` being `minute` or `hour`: all the ways there are.
    buckets: tuple[str, ...]
    # The quantile `{q}` of `{x}`, between values.
    quantile: str
    # The last row of each host, in all ways; `{columns}` are those of the table.
    last: tuple[str, ...]
    # Nanoseconds that a time has at least: literals are rounded up to them, which changes no answer.
    resolution: int = 1


def forms(query: Query, dialect: Dialect) -> list[tuple[str, str]]:
    """A query in all formulations, each with a name."""
    kind = query["kind"]
    if kind == "last":
        columns = ", ".join(query["columns"])
        rest = ", ".join(name for name in query["columns"] if name != "hostname")
        texts = [text.format(columns=columns, rest=rest) for text in dialect.last]
        return [(str(number), text) for number, text in enumerate(texts)]
    where = conditions(query, dialect)
    if kind in ("buckets", "buckets by host", "latest buckets"):
        texts = [grouped(query, bucket, where) for bucket in dialect.buckets]
        return [(str(number), text) for number, text in enumerate(texts)]
    return [("0", plain(query, where, dialect))]


def conditions(query: Query, dialect: Dialect) -> str:
    """The WHERE of a query, if it has one."""
    parts = []
    hosts = query.get("hosts")
    if hosts:
        names = ", ".join(f"'{host}'" for host in hosts)
        parts.append(f"hostname = {names}" if len(hosts) == 1 else f"hostname IN ({names})")
    for bound, comparison in (("from", ">="), ("to", "<")):
        if query.get(bound) is not None:
            up = -(-query[bound] // dialect.resolution) * dialect.resolution
            parts.append(f"time {comparison} {instant(up, dialect)}")
    if query.get("above") is not None:
        parts.append(f"{query['metrics'][0]} > {query['above']}")
    return f" WHERE {' AND '.join(parts)}" if parts else ""


def instant(nanoseconds: int, dialect: Dialect) -> str:
    """A time as a literal."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    date = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    micros = f"{date}.{rest // 1000:06}"
    return dialect.instant.format(nanoseconds=nanoseconds, micros=micros, nanos=f"{date}.{rest:09}")


def grouped(query: Query, bucket: str, where: str) -> str:
    """An aggregate of metrics by bucket of time, perhaps by host too."""
    seconds = query["bucket"]
    bucket = bucket.format(seconds=seconds, unit={MINUTE: "minute", HOUR: "hour"}[seconds])
    function = query["function"]
    values = ", ".join(f"{function}({name}) AS {function}_{name}" for name in query["metrics"])
    by_host = ", hostname" if query["kind"] == "buckets by host" else ""
    order = "bucket DESC LIMIT 5" if query["kind"] == "latest buckets" else f"bucket{by_host}"
    return f"SELECT {bucket} AS bucket{by_host}, {values} FROM cpu{where} GROUP BY bucket{by_host} ORDER BY {order}"


def plain(query: Query, where: str, dialect: Dialect) -> str:
    """Everything else: one way to say it."""
    metrics = query["metrics"]
    match query["kind"]:
        case "rows":
            return f"SELECT {', '.join(query['columns'])} FROM cpu{where}"
        case "statistics":
            functions = itertools.product(metrics, ("min", "max", "avg"))
            values = [f"{function}({name}) AS {function}_{name}" for name, function in functions]
            return f"SELECT count(*) AS rows, {', '.join(values)} FROM cpu"
        case "percentile":
            value = dialect.quantile.format(q=query["quantile"], x=metrics[0])
            return f"SELECT hostname, {value} AS value FROM cpu GROUP BY hostname ORDER BY hostname"
        case "moving average":
            window = (
                f"PARTITION BY hostname ORDER BY time ROWS BETWEEN {query['rows'] - 1} PRECEDING AND CURRENT ROW"
            )
            return f"SELECT time, hostname, avg({metrics[0]}) OVER ({window}) AS value FROM cpu{where}"
        case "top":
            return (
                f"SELECT hostname, avg({metrics[0]}) AS value FROM cpu GROUP BY hostname "
                f"ORDER BY value DESC, hostname LIMIT {query['limit']}"
            )
        case kind:
            raise ValueError(kind)
