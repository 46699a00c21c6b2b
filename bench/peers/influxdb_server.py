"""InfluxDB 1.6, over HTTP, in InfluxQL."""

from __future__ import annotations

import json
import urllib.parse
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa

from peer import Form, Peer, Query
from server import Server

FUNCTIONS = {"avg": "mean"}
CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "tsi1"
  query-log-enabled = false
  max-series-per-database = 0
  max-values-per-tag = 0
  cache-max-memory-size = "4g"
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
  max-row-limit = 0
  max-body-size = 0
[monitor]
  store-enabled = false
"""


class InfluxDb(Peer):
    """A server and what it is asked."""

    def load(self, request: dict[str, Any]) -> tuple[str, str]:
        """Starts it and writes the lines."""
        folder = request["folder"]
        self.server = start(request["program"], folder)
        self.server.request("POST", "/query?" + urllib.parse.urlencode({"q": "CREATE DATABASE tsbs"}))
        self.server.write("/write?db=tsbs&precision=ns", request["lp"])
        self.server.settle()
        return request["version"], "tsi1 index, over HTTP, JSON"

    def turn(self) -> AbstractContextManager[None]:
        """The server's."""
        return self.server.turn()

    def forms(self, query: Query) -> list[Form]:
        """The one way to say a query; none if there is none."""
        text = influxql(query)
        if text is None:
            return []
        path = "/query?" + urllib.parse.urlencode({"db": "tsbs", "epoch": "ns", "q": text})
        return [("0", lambda: self.server.request("GET", path))]

    def read(self, text: bytes, query: Query) -> pa.Table:
        """A table of an answer."""
        results = json.loads(text)["results"]
        columns: dict[str, list[Any]] = {name: [] for name in query["columns"]}
        for result in results:
            if "error" in result:
                raise RuntimeError(result["error"])
            for series in result.get("series", []):
                tags = series.get("tags", {})
                names = [("bucket" if name == "time" and "bucket" in columns else name) for name in series["columns"]]
                for row in series["values"]:
                    values = {**tags, **dict(zip(names, row))}
                    for name, column in columns.items():
                        # A tag that a series lacks is an empty text.
                        column.append(None if values[name] == "" else values[name])
        table = pa.table(columns)
        if query["kind"] != "buckets" or not query["by"]:
            return table
        # A series after the other: it knows no order of both.
        return table.sort_by([(name, "ascending") for name in ("bucket", *query["by"])])


def start(program: str, folder: str) -> Server:
    """A server with a configuration of its own."""
    script = "printf '%s' \"$0\" > {folder}/influxdb.toml && exec " + program + " run -config {folder}/influxdb.toml"
    return Server("sh", ["-c", script, CONFIG], folder, "/ping")


def influxql(query: Query) -> str | None:
    """A query as InfluxDB is asked it."""
    where, metrics = conditions(query), query["metrics"]
    of = f'FROM "{query["table"]}"{where}'
    by = ", ".join(f'"{tag}"' for tag in query["by"])
    others = [name for name in query["columns"] if name not in ("time", query["has"], *query["by"])]
    match query["kind"]:
        case "buckets" | "latest buckets":
            values = ", ".join(
                f'{FUNCTIONS.get(function, function)}("{name}") AS "{function}_{name}"'
                for name in metrics
                for function in query["functions"]
            )
            keys = f"time({query['bucket']}s)" + (f", {by}" if by else "")
            order = " ORDER BY time DESC LIMIT 5" if query["kind"] == "latest buckets" else ""
            return f"SELECT {values} {of} GROUP BY {keys} fill(none){order}"
        case "rows":
            names = ", ".join(f'"{name}"' for name in query["columns"] if name != "time")
            return f"SELECT {names} {of}"
        case "last":
            names = ", ".join(f'"{name}"' for name in others)
            if query["has"] is None:
                return f"SELECT {names} {of} GROUP BY {by} ORDER BY time DESC LIMIT 1"
            # The newest value, and what else its row has.
            return f'SELECT last("{query["has"]}") AS "{query["has"]}", {names} {of} GROUP BY {by}'
        case "statistics":
            functions = (("min", "min"), ("max", "max"), ("mean", "avg"))
            values = [f'{call}("{name}") AS "{label}_{name}"' for name in metrics for call, label in functions]
            return f'SELECT count("{metrics[0]}") AS "rows", {", ".join(values)} {of}'
        case "top":
            means = f'SELECT mean("{metrics[0]}") AS "value" {of} GROUP BY {by}'
            return f'SELECT top("value", {by}, {query["limit"]}) AS "value" FROM ({means})'
        case "below":
            means = f'SELECT mean("{metrics[0]}") AS "value" {of} GROUP BY {by}'
            return f'SELECT "value" FROM ({means}) WHERE "value" < {query["below"]} GROUP BY {by}'
        case _:
            # A percentile is the nearest value, and a moving average begins with its first whole window.
            return None


def conditions(query: Query) -> str:
    """The WHERE of a query, if it has one."""
    parts = []
    tag, values = query["among"]
    if values:
        parts.append("(" + " OR ".join(f"\"{tag}\" = '{value}'" for value in values) + ")")
    if query["from"] is not None:
        parts.append(f"time >= {query['from']}")
    if query["to"] is not None:
        parts.append(f"time < {query['to']}")
    if query["above"] is not None:
        parts.append(f'"{query["metrics"][0]}" > {query["above"]}')
    return f" WHERE {' AND '.join(parts)}" if parts else ""


if __name__ == "__main__":
    InfluxDb().run()
