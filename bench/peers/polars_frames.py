"""Polars: a frame in memory, sorted by host and time, tags as enumerations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pyarrow as pa

from peer import Form, Peer, Query


class Polars(Peer):
    """Polars in this process; POLARS_MAX_THREADS says how many threads it has."""

    def load(self, request: dict[str, Any]) -> tuple[str, str]:
        """Reads the CSV and sorts it."""
        with open(request["csv"], encoding="utf-8") as file:
            names = file.readline().strip().split(",")
        numbers = set(request["fields"]) | {"time"}
        texts = [name for name in names if name not in numbers]
        frame = pl.read_csv(request["csv"], schema={name: pl.Int64 if name in numbers else pl.String for name in names})
        kinds = [pl.col(name).cast(pl.Enum(frame[name].unique().sort())) for name in texts]
        time = pl.col("time").cast(pl.Datetime("ns"))
        # By the text of the host, as all are; an enumeration's order is that of its values, which are sorted.
        self.frame = frame.with_columns(time, *kinds).sort("hostname", "time")
        self.kinds = {name: self.frame.schema[name] for name in texts}
        threads = pl.thread_pool_size()
        return pl.__version__, f"a frame in memory, sorted by hostname and time; tags Enum; {threads} threads; both engines"

    def forms(self, query: Query) -> list[Form]:
        """Each plan, in memory and streaming."""
        plans = self.plans(query)
        made: list[Form] = []
        for name, plan in plans.items():
            for engine in ("in-memory", "streaming"):
                made.append((f"{name}, {engine}", collector(plan, engine)))
        return made

    def plans(self, query: Query) -> dict[str, Callable[[], pl.LazyFrame]]:
        """The ways to say a query. Plans are made when they are run, as texts are parsed when they are."""
        metrics = query["metrics"]
        match query["kind"]:
            case "buckets" | "buckets by host" | "latest buckets":
                return {
                    "truncate": lambda: self.grouped(query, "truncate"),
                    "integers": lambda: self.grouped(query, "integers"),
                }
            case "rows":
                return {"filter": lambda: self.matching(query).select(query["columns"])}
            case "last":
                lazy = self.frame.lazy().select(query["columns"])
                by = pl.col("hostname")
                return {
                    "last": lambda: lazy.group_by(by).last(),
                    "unique": lambda: lazy.unique(subset="hostname", keep="last", maintain_order=True),
                    "is the greatest": lambda: lazy.filter(pl.col("time") == pl.col("time").max().over(by)),
                }
            case "statistics":
                return {"select": lambda: self.frame.lazy().select(pl.len().alias("rows"), *statistics(metrics))}
            case "percentile":
                value = pl.col(metrics[0]).quantile(query["quantile"], "linear").alias("value")
                return {"group": lambda: self.frame.lazy().group_by("hostname").agg(value).sort("hostname")}
            case "moving average":
                rows = query["rows"]
                value = pl.col(metrics[0]).rolling_mean(rows, min_samples=1).over("hostname").alias("value")
                return {"over": lambda: self.matching(query).select("time", "hostname", value)}
            case "top":
                value = pl.col(metrics[0]).mean().alias("value")
                limit = query["limit"]
                by = pl.col("hostname").cast(pl.String)
                return {
                    "sort": lambda: self.frame.lazy().group_by("hostname").agg(value)
                    .sort(pl.col("value"), by, descending=[True, False]).limit(limit)
                }
            case kind:
                raise ValueError(kind)

    def matching(self, query: Query) -> pl.LazyFrame:
        """The rows that a query is about."""
        lazy = self.frame.lazy()
        conditions = []
        hosts = query.get("hosts")
        if hosts:
            kind = self.kinds["hostname"]
            is_one = pl.col("hostname") == pl.lit(hosts[0], dtype=kind)
            among = pl.lit(pl.Series(hosts, dtype=kind)).implode()
            conditions.append(is_one if len(hosts) == 1 else pl.col("hostname").is_in(among))
        for bound, is_from in (("from", True), ("to", False)):
            if query.get(bound) is not None:
                literal = pl.lit(query[bound]).cast(pl.Datetime("ns"))
                conditions.append(pl.col("time") >= literal if is_from else pl.col("time") < literal)
        if query.get("above") is not None:
            conditions.append(pl.col(query["metrics"][0]) > query["above"])
        return lazy.filter(*conditions) if conditions else lazy

    def grouped(self, query: Query, way: str) -> pl.LazyFrame:
        """An aggregate of metrics by bucket of time, perhaps by host too."""
        seconds = query["bucket"]
        width = seconds * 1_000_000_000
        time = pl.col("time")
        bucket = time.dt.truncate(f"{seconds}s") if way == "truncate" else time.cast(pl.Int64) // width * width
        function = query["function"]
        method = {"avg": "mean"}.get(function, function)
        values = [getattr(pl.col(name), method)().alias(f"{function}_{name}") for name in query["metrics"]]
        keys = [bucket.alias("bucket")]
        if query["kind"] == "buckets by host":
            keys.append(pl.col("hostname"))
        lazy = self.matching(query).group_by(keys).agg(values)
        if way == "integers":
            lazy = lazy.with_columns(pl.col("bucket").cast(pl.Datetime("ns")))
        if query["kind"] == "latest buckets":
            return lazy.sort("bucket", descending=True).limit(5)
        return lazy.sort(["bucket", "hostname"] if len(keys) == 2 else ["bucket"])


def collector(plan: Callable[[], pl.LazyFrame], engine: str) -> Callable[[], pa.Table]:
    """Runs a plan by an engine."""
    return lambda: plan().collect(engine=engine).to_arrow()


def statistics(metrics: list[str]) -> list[pl.Expr]:
    """Smallest, greatest and mean of each metric."""
    made = []
    for name in metrics:
        column = pl.col(name)
        made += [column.min().alias(f"min_{name}"), column.max().alias(f"max_{name}"), column.mean().alias(f"avg_{name}")]
    return made


if __name__ == "__main__":
    Polars().run()
