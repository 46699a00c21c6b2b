"""Polars: frames in memory, sorted by device and time, tags as enumerations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pyarrow as pa

from peer import Form, Peer, Query, Table

# Rows of a group keep their order, which is that of time.
METHODS = {"avg": "mean"}
TYPES = {"time": pl.Int64, "tag": pl.String, "int": pl.Int64, "float": pl.Float64}


class Polars(Peer):
    """Polars in this process; POLARS_MAX_THREADS says how many threads it has."""

    def load(self, request: dict[str, Any]) -> tuple[str, str]:
        """Reads all tables and sorts them."""
        self.frames = {table.name: read(table) for table in self.tables.values()}
        keys = " and ".join({table.key for table in self.tables.values()})
        threads = pl.thread_pool_size()
        return pl.__version__, f"frames in memory, sorted by {keys} and time; tags Enum; {threads} threads; both engines"

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
        metrics, by = query["metrics"], query["by"]
        match query["kind"]:
            case "buckets" | "latest buckets":
                return {
                    "truncate": lambda: self.grouped(query, "truncate"),
                    "integers": lambda: self.grouped(query, "integers"),
                }
            case "rows":
                return {"filter": lambda: self.matching(query).select(query["columns"])}
            case "last":
                newest = pl.col("time") == pl.col("time").max().over(by)
                return {
                    "last": lambda: self.matching(query).select(query["columns"]).group_by(by).last(),
                    "unique": lambda: self.matching(query).select(query["columns"])
                    .unique(subset=by, keep="last", maintain_order=True),
                    "is the greatest": lambda: self.matching(query).select(query["columns"]).filter(newest),
                }
            case "statistics":
                return {"select": lambda: self.matching(query).select(pl.len().alias("rows"), *statistics(metrics))}
            case "percentile":
                value = pl.col(metrics[0]).quantile(query["quantile"], "linear").alias("value")
                return {"group": lambda: self.matching(query).group_by(by).agg(value).sort(by)}
            case "moving average":
                value = pl.col(metrics[0]).rolling_mean(query["rows"], min_samples=1).over(by).alias("value")
                return {"over": lambda: self.matching(query).select("time", *by, value)}
            case "top":
                value = pl.col(metrics[0]).mean().alias("value")
                order = [pl.col("value"), *(pl.col(tag).cast(pl.String) for tag in by)]
                descending = [True, *(False for _ in by)]
                return {
                    "sort": lambda: self.matching(query).group_by(by).agg(value)
                    .sort(order, descending=descending).limit(query["limit"])
                }
            case "below":
                value = pl.col(metrics[0]).mean().alias("value")
                is_below = pl.col("value") < query["below"]
                return {"filter": lambda: self.matching(query).group_by(by).agg(value).filter(is_below)}
            case kind:
                raise ValueError(kind)

    def matching(self, query: Query) -> pl.LazyFrame:
        """The rows that a query is about."""
        frame = self.frames[query["table"]]
        conditions = []
        tag, values = query["among"]
        if values:
            kind = frame.schema[tag]
            is_one = pl.col(tag) == pl.lit(values[0], dtype=kind)
            among = pl.lit(pl.Series(values, dtype=kind)).implode()
            conditions.append(is_one if len(values) == 1 else pl.col(tag).is_in(among))
        for bound, is_from in (("from", True), ("to", False)):
            if query.get(bound) is not None:
                literal = pl.lit(query[bound]).cast(pl.Datetime("ns"))
                conditions.append(pl.col("time") >= literal if is_from else pl.col("time") < literal)
        if query.get("above") is not None:
            conditions.append(pl.col(query["metrics"][0]) > query["above"])
        if query.get("has") is not None:
            conditions.append(pl.col(query["has"]).is_not_null())
        return frame.lazy().filter(*conditions) if conditions else frame.lazy()

    def grouped(self, query: Query, way: str) -> pl.LazyFrame:
        """Aggregates of metrics by bucket of time, perhaps by tags too."""
        seconds = query["bucket"]
        width = seconds * 1_000_000_000
        time = pl.col("time")
        bucket = time.dt.truncate(f"{seconds}s") if way == "truncate" else time.cast(pl.Int64) // width * width
        values = [
            getattr(pl.col(name), METHODS.get(function, function))().alias(f"{function}_{name}")
            for name in query["metrics"]
            for function in query["functions"]
        ]
        keys = [bucket.alias("bucket"), *query["by"]]
        lazy = self.matching(query).group_by(keys).agg(values)
        if way == "integers":
            lazy = lazy.with_columns(pl.col("bucket").cast(pl.Datetime("ns")))
        if query["kind"] == "latest buckets":
            return lazy.sort("bucket", descending=True).limit(5)
        return lazy.sort(["bucket", *query["by"]], nulls_last=True)


def read(table: Table) -> pl.DataFrame:
    """Reads a file and sorts it."""
    frame = pl.read_csv(table.csv, schema={name: TYPES[kind] for name, kind in table.columns.items()})
    kinds = [pl.col(name).cast(pl.Enum(frame[name].drop_nulls().unique().sort())) for name in table.tags]
    time = pl.col("time").cast(pl.Datetime("ns"))
    # By the text of the device, as all are; an enumeration's order is that of its values, which are sorted.
    return frame.with_columns(time, *kinds).sort(table.key, "time")


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
