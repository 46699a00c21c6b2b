"""VictoriaMetrics, over HTTP, in MetricsQL.

It has milliseconds, and windows that end at whole steps: of a window that does not begin and end with a bucket it
answers the whole buckets within it, and is compared in those.
"""

from __future__ import annotations

import json
import urllib.parse
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa

from peer import Form, Peer, Query, Table
from server import Server

MILLION = 1_000_000
ARGUMENTS = [
    "-storageDataPath={folder}/data",
    "-httpListenAddr=127.0.0.1:{port}",
    "-retentionPeriod=100y",
    # While others load, nobody asks it for more than the minute after which it would hang up.
    "-http.idleConnTimeout=24h",
    "-search.latencyOffset=0s",
    "-search.disableCache",
    "-search.maxPointsPerTimeseries=1000000",
    "-search.maxUniqueTimeseries=10000000",
]


class VictoriaMetrics(Peer):
    """A server and what it is asked."""

    def load(self, request: dict[str, Any]) -> tuple[str, str]:
        """Starts it and writes the lines."""
        self.server = Server(request["program"], ARGUMENTS, request["folder"], "/health")
        self.server.write("/write?precision=ns", request["lp"])
        self.server.request("GET", "/internal/force_flush")
        self.server.request("GET", "/internal/force_merge")
        self.first, self.last = request["first"] // MILLION, request["last"] // MILLION
        self.server.settle()
        return request["version"], "over HTTP, JSON, caches of answers off"

    def turn(self) -> AbstractContextManager[None]:
        """The server's."""
        return self.server.turn()

    def forms(self, query: Query) -> list[Form]:
        """The ways to say a query; none if there is none."""
        return [(str(place), lambda path=path: self.server.request("GET", path)) for place, path in enumerate(self.paths(query))]

    def paths(self, query: Query) -> list[str]:
        """Requests that say the same."""
        table, metrics = self.tables[query["table"]], query["metrics"]
        tag, values = query["among"]
        among = f', {tag}=~"{"|".join(values)}"' if values else ""
        names = "|".join(f"{table.name}_{name}" for name in metrics)
        series = f'{{__name__=~"{names}"{among}}}'
        span = f"{(self.last - self.first) // 1000 + 1}s"
        match query["kind"]:
            case "buckets" | "latest buckets":
                return [self.ranged(text, query) for text in grouped(query, series, table)]
            case "statistics":
                parts = [f'label_set(sum(count_over_time({table.name}_{metrics[0]}[{span}])), "is", "rows")']
                for function in ("min", "max", "avg"):
                    text = f"{function}({function}_over_time({series}[{span}])) by (__name__)"
                    parts.append(f'label_set({text}, "is", "{function}")')
                return [self.instant(f"union({', '.join(parts)})", self.last)]
            case "percentile":
                return [self.instant(f"quantile_over_time({query['quantile']}, {series}[{span}])", self.last)]
            case "top":
                return [self.instant(f"topk({query['limit']}, avg_over_time({series}[{span}]))", self.last)]
            case "below":
                # Of milliseconds, the last before the end: rows have whole seconds.
                begin, end = (-(-query[bound] // MILLION) for bound in ("from", "to"))
                text = f"{mean(series, f'{end - begin}ms', query['by'])} < {query['below']}"
                return [self.instant(text, end - 1)]
            case _:
                return []

    def whole(self, query: Query, width: int) -> tuple[int, int]:
        """The whole buckets within a query's window, in milliseconds; without a window, those of all rows."""
        if query["to"] is None:
            return self.first // width * width, (self.last // width + 1) * width
        end = query["to"] // MILLION // width * width
        if query["kind"] == "latest buckets":
            return end - 4 * width, end
        return -(-query["from"] // (MILLION * width)) * width, end

    def ranged(self, text: str, query: Query) -> str:
        """A request for all buckets of a query."""
        width = query["bucket"] * 1000
        begin, end = self.whole(query, width)
        # A window has its end, and not its beginning.
        arguments = {"start": (begin + width - 1) / 1000, "end": (end - 1) / 1000, "step": f"{query['bucket']}s"}
        return "/api/v1/query_range?" + urllib.parse.urlencode({"query": text, "nocache": 1, **arguments})

    def instant(self, text: str, time: int) -> str:
        """A request for one time, in milliseconds."""
        return "/api/v1/query?" + urllib.parse.urlencode({"query": text, "nocache": 1, "time": time / 1000})

    def read(self, text: bytes, query: Query) -> pa.Table:
        """A table of an answer: a row for each time and group."""
        found = json.loads(text)["data"]["result"]
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for series in found:
            labels = series["metric"]
            # Without its name after a function that changes what it is, and then alone.
            metric = labels.get("__name__", query["metrics"][0]).removeprefix(f"{query['table']}_")
            tags = {tag: labels.get(tag) for tag in query["by"]}
            # What is missing comes last.
            key = tuple((tag is None, tag or "") for tag in tags.values())
            is_a = labels.get("is") or labels.get("rollup", "").removesuffix("_over_time")
            for time, value in series.get("values") or [series["value"]]:
                bucket = (round(time * 1000) + 1) * MILLION - query["bucket"] * 1000 * MILLION
                match query["kind"]:
                    case "statistics":
                        rows.setdefault((), {})["rows" if is_a == "rows" else f"{is_a}_{metric}"] = float(value)
                    case "percentile" | "top" | "below":
                        rows[key] = {**tags, "value": float(value)}
                    case _:
                        row = rows.setdefault((bucket, *key), {"bucket": bucket, **tags})
                        row[f"{is_a or query['functions'][0]}_{metric}"] = float(value)
        ordered = sorted(rows.items(), reverse=query["kind"] == "latest buckets")
        if query["kind"] == "top":
            ordered.sort(key=lambda row: (-row[1]["value"], row[0]))
        return pa.table({name: [row[name] for _, row in ordered] for name in query["columns"]})


def grouped(query: Query, series: str, table: Table) -> list[str]:
    """Functions by bucket and tags, in all ways. A field of a host is one series, unless there are gaps."""
    by, functions, span = query["by"], query["functions"], f"{query['bucket']}s"
    if table.has_gaps:
        return [mean(series, span, by)] if functions == ["avg"] else []
    if len(functions) == 1:
        function = functions[0]
        return [f"{function}({function}_over_time({series}[{span}])) by ({', '.join(['__name__', *by])})"]
    tags = ", ".join(by)
    values = [f'label_set(max({name}_over_time({series}[{span}])) by ({tags}), "is", "{name}")' for name in functions]
    names = ", ".join(f'"{name}_over_time"' for name in functions)
    return [f"union({', '.join(values)})", f"max(aggr_over_time(({names}), {series}[{span}])) by ({tags}, rollup)"]


def mean(series: str, span: str, by: list[str]) -> str:
    """The mean of all values of several series."""
    total, count = (f"sum({function}_over_time({series}[{span}])) by ({', '.join(by)})" for function in ("sum", "count"))
    return f"{total} / {count}"


if __name__ == "__main__":
    VictoriaMetrics().run()
