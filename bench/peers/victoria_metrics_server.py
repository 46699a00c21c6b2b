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

from peer import Form, Peer, Query
from server import Server

MILLION = 1_000_000
ARGUMENTS = [
    "-storageDataPath={folder}/data",
    "-httpListenAddr=127.0.0.1:{port}",
    "-retentionPeriod=100y",
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
        """The one way to say a query; none if there is none."""
        path = self.path(query)
        return [] if path is None else [("0", lambda: self.server.request("GET", path))]

    def path(self, query: Query) -> str | None:
        """A request."""
        metrics = query["metrics"]
        hosts = f', hostname=~"{"|".join(query["hosts"])}"' if query["hosts"] else ""
        names = "|".join(f"cpu_{name}" for name in metrics)
        series = f'{{__name__=~"{names}"{hosts}}}'
        match query["kind"]:
            case "buckets" | "buckets by host" | "latest buckets":
                width = query["bucket"] * 1000
                begin, end = self.whole(query, width)
                function = query["function"]
                by = "__name__, hostname" if query["kind"] == "buckets by host" else "__name__"
                text = f"{function}({function}_over_time({series}[{query['bucket']}s])) by ({by})"
                # A window has its end, and not its beginning.
                arguments = {"start": (begin + width - 1) / 1000, "end": (end - 1) / 1000, "step": f"{query['bucket']}s"}
                return "/api/v1/query_range?" + urllib.parse.urlencode({"query": text, "nocache": 1, **arguments})
            case "statistics":
                span = f"{(self.last - self.first) // 1000 + 1}s"
                parts = [f'label_set(sum(count_over_time(cpu_{metrics[0]}[{span}])), "is", "rows")']
                for function in ("min", "max", "avg"):
                    text = f"{function}({function}_over_time({series}[{span}])) by (__name__)"
                    parts.append(f'label_set({text}, "is", "{function}")')
                return self.instant(f"union({', '.join(parts)})")
            case "percentile":
                span = f"{(self.last - self.first) // 1000 + 1}s"
                return self.instant(f"quantile_over_time({query['quantile']}, {series}[{span}])")
            case "top":
                span = f"{(self.last - self.first) // 1000 + 1}s"
                return self.instant(f"topk({query['limit']}, avg_over_time({series}[{span}]))")
            case _:
                return None

    def whole(self, query: Query, width: int) -> tuple[int, int]:
        """The whole buckets within a query's window, in milliseconds."""
        end = query["to"] // MILLION // width * width
        if query["kind"] == "latest buckets":
            return end - 4 * width, end
        return -(-query["from"] // (MILLION * width)) * width, end

    def instant(self, text: str) -> str:
        """A request for one time, the last."""
        return "/api/v1/query?" + urllib.parse.urlencode({"query": text, "nocache": 1, "time": self.last / 1000})

    def read(self, text: bytes, query: Query) -> pa.Table:
        """A table of an answer: a row for each time and host."""
        found = json.loads(text)["data"]["result"]
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for series in found:
            labels = series["metric"]
            metric = labels.get("__name__", "").removeprefix("cpu_")
            for time, value in series.get("values") or [series["value"]]:
                bucket = (round(time * 1000) + 1) * MILLION - query["bucket"] * 1000 * MILLION
                match query["kind"]:
                    case "statistics":
                        rows.setdefault((), {})["rows" if labels["is"] == "rows" else f"{labels['is']}_{metric}"] = float(value)
                    case "percentile" | "top":
                        rows[(labels["hostname"],)] = {"hostname": labels["hostname"], "value": float(value)}
                    case _:
                        row = rows.setdefault((bucket, labels.get("hostname")), {"bucket": bucket})
                        row["hostname"] = labels.get("hostname")
                        row[f"{query['function']}_{metric}"] = float(value)
        ordered = sorted(rows.items(), reverse=query["kind"] == "latest buckets")
        if query["kind"] == "top":
            ordered.sort(key=lambda row: (-row[1]["value"], row[0]))
        return pa.table({name: [row[name] for _, row in ordered] for name in query["columns"]})


if __name__ == "__main__":
    VictoriaMetrics().run()
