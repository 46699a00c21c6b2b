"""The queries in SQL. What differs between the engines is a `Dialect`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

Query = dict[str, Any]

UNITS = {60: "minute", 3600: "hour", 86400: "day"}


@dataclass(frozen=True)
class Dialect:
    """How an engine says what not all say alike; `{…}` is filled in."""

    # A time, from nanoseconds since 1970.
    instant: str
    # Buckets of `{seconds}`, `{unit}` being their name: all the ways there are.
    buckets: tuple[str, ...]
    # The quantile `{q}` of `{x}`, between values.
    quantile: str
    # The newest row of each group `{by}` of a `{table}`, its condition being `{where}`, in all ways; `{columns}` are those
    # of the answer, `{newest}` the newest value of each of them, `{elements}` the elements of a tuple `a` of them.
    last: tuple[str, ...]
    # The value of the newest row: all the ways there are, of a column without NULLs.
    newest: tuple[str, ...]
    # Nanoseconds that a time has at least: literals are rounded up to them, which changes no answer.
    resolution: int = 1


def forms(query: Query, dialect: Dialect) -> list[tuple[str, str]]:
    """A query in all formulations, each with a name."""
    kind = query["kind"]
    where = conditions(query, dialect)
    if kind == "last":
        return numbered(text.format(**parts(query, where, dialect)) for text in dialect.last)
    if kind in ("buckets", "latest buckets"):
        newest = dialect.newest if "last" in query["functions"] else dialect.newest[:1]
        ways = itertools.product(dialect.buckets, newest)
        return numbered(grouped(query, bucket, where, last) for bucket, last in ways)
    return [("0", plain(query, where, dialect))]


def numbered(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Formulations by their number."""
    return [(str(number), text) for number, text in enumerate(texts)]


def parts(query: Query, where: str, dialect: Dialect) -> dict[str, str]:
    """What a formulation of the newest rows is filled with."""
    columns, by = query["columns"], query["by"]
    newest = [name if name in by else f"{dialect.newest[0].format(x=name)} AS {name}" for name in columns]
    elements = [f"a.{place} AS {name}" for place, name in enumerate(columns, 1)]
    return {
        "table": query["table"],
        "where": where,
        "by": ", ".join(by),
        "columns": ", ".join(columns),
        "newest": ", ".join(newest),
        "elements": ", ".join(elements),
    }


def conditions(query: Query, dialect: Dialect) -> str:
    """The WHERE of a query, if it has one."""
    parts = []
    tag, values = query["among"]
    if values:
        names = ", ".join(f"'{value}'" for value in values)
        parts.append(f"{tag} = {names}" if len(values) == 1 else f"{tag} IN ({names})")
    for bound, comparison in (("from", ">="), ("to", "<")):
        if query.get(bound) is not None:
            up = -(-query[bound] // dialect.resolution) * dialect.resolution
            parts.append(f"time {comparison} {instant(up, dialect)}")
    if query.get("above") is not None:
        parts.append(f"{query['metrics'][0]} > {query['above']}")
    if query.get("has") is not None:
        parts.append(f"{query['has']} IS NOT NULL")
    return f" WHERE {' AND '.join(parts)}" if parts else ""


def instant(nanoseconds: int, dialect: Dialect) -> str:
    """A time as a literal."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    date = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    micros = f"{date}.{rest // 1000:06}"
    return dialect.instant.format(nanoseconds=nanoseconds, micros=micros, nanos=f"{date}.{rest:09}")


def grouped(query: Query, bucket: str, where: str, newest: str) -> str:
    """Aggregates of metrics by bucket of time, perhaps by tags too."""
    seconds = query["bucket"]
    bucket = bucket.format(seconds=seconds, unit=UNITS[seconds])
    values = ", ".join(
        f"{newest.format(x=name) if function == 'last' else f'{function}({name})'} AS {function}_{name}"
        for name, function in itertools.product(query["metrics"], query["functions"])
    )
    tags = "".join(f", {tag}" for tag in query["by"])
    order = "bucket DESC LIMIT 5" if query["kind"] == "latest buckets" else f"bucket{tags}"
    return f"SELECT {bucket} AS bucket{tags}, {values} FROM {query['table']}{where} GROUP BY bucket{tags} ORDER BY {order}"


def plain(query: Query, where: str, dialect: Dialect) -> str:
    """Everything else: one way to say it."""
    metrics, by = query["metrics"], ", ".join(query["by"])
    of = f"FROM {query['table']}{where}"
    match query["kind"]:
        case "rows":
            return f"SELECT {', '.join(query['columns'])} {of}"
        case "statistics":
            functions = itertools.product(metrics, ("min", "max", "avg"))
            values = [f"{function}({name}) AS {function}_{name}" for name, function in functions]
            return f"SELECT count(*) AS rows, {', '.join(values)} {of}"
        case "percentile":
            value = dialect.quantile.format(q=query["quantile"], x=metrics[0])
            return f"SELECT {by}, {value} AS value {of} GROUP BY {by} ORDER BY {by}"
        case "moving average":
            window = f"PARTITION BY {by} ORDER BY time ROWS BETWEEN {query['rows'] - 1} PRECEDING AND CURRENT ROW"
            return f"SELECT time, {by}, avg({metrics[0]}) OVER ({window}) AS value {of}"
        case "top":
            return f"SELECT {by}, avg({metrics[0]}) AS value {of} GROUP BY {by} ORDER BY value DESC, {by} LIMIT {query['limit']}"
        case "below":
            mean = f"avg({metrics[0]})"
            return f"SELECT {by}, {mean} AS value {of} GROUP BY {by} HAVING {mean} < {query['below']}"
        case kind:
            raise ValueError(kind)
