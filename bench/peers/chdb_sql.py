"""ClickHouse in this process (chDB): a MergeTree in memory's file system, sorted by host and time."""

from __future__ import annotations

import tempfile
from typing import Any

import chdb
import pyarrow as pa
from chdb.session import Session

import sql
from peer import TIMES, Form, Peer, Query

DIALECT = sql.Dialect(
    instant="toDateTime64('{nanos}', 9, 'UTC')",
    buckets=("toStartOfInterval(time, INTERVAL {seconds} SECOND)", "dateTrunc('{unit}', time)"),
    quantile="quantileExactInclusive({q})({x})",
    last=(
        "SELECT {columns} FROM cpu ORDER BY hostname, time DESC LIMIT 1 BY hostname",
        "SELECT {columns} FROM cpu WHERE (hostname, time) IN (SELECT hostname, max(time) FROM cpu GROUP BY hostname)",
        "SELECT DISTINCT ON (hostname) {columns} FROM cpu ORDER BY hostname, time DESC",
    ),
)


class ClickHouse(Peer):
    """chDB in this process."""

    def load(self, request: dict[str, Any]) -> tuple[str, str]:
        """Reads the CSV into a table, and merges its parts to one."""
        self.folder = tempfile.TemporaryDirectory(dir=request.get("folder"))
        self.session = Session(self.folder.name)
        run = self.session.query
        with open(request["csv"], encoding="utf-8") as file:
            names = file.readline().strip().split(",")
        numbers = set(request["fields"])
        kinds = [
            f"{name} DateTime64(9, 'UTC')" if name == "time" else f"{name} {'Int64' if name in numbers else 'LowCardinality(String)'}"
            for name in names
        ]
        run("CREATE DATABASE tsbs")
        run("USE tsbs")
        run(f"CREATE TABLE cpu ({', '.join(kinds)}) ENGINE = MergeTree ORDER BY (hostname, time)")
        raw = ", ".join(f"{name} {'Int64' if name in numbers or name == 'time' else 'String'}" for name in names)
        columns = ", ".join("fromUnixTimestamp64Nano(time, 'UTC')" if name == "time" else name for name in names)
        run(
            f"INSERT INTO cpu SELECT {columns} FROM file('{request['csv']}', CSVWithNames, '{raw}') "
            f"SETTINGS max_insert_threads = {request['threads']}"
        )
        run("OPTIMIZE TABLE cpu FINAL")
        run(f"SET max_threads = {request['threads']}")
        return chdb.__version__, "MergeTree ORDER BY (hostname, time), one part; tags LowCardinality(String), DateTime64(9)"

    def forms(self, query: Query) -> list[Form]:
        """All texts of a query."""
        return [(name, lambda text=text: self.fetch(text)) for name, text in sql.forms(query, DIALECT)]

    def read(self, answer: pa.Table, query: Query) -> pa.Table:
        """The table of an answer: a DateTime comes as a number of seconds."""
        for place, name in enumerate(answer.column_names):
            if name in TIMES and pa.types.is_uint32(answer.schema.field(place).type):
                column = answer.column(place).cast(pa.int64()).cast(pa.timestamp("s"))
                answer = answer.set_column(place, name, column)
        return answer

    def fetch(self, text: str) -> pa.Table:
        """An answer as Arrow."""
        return self.session.query(text, "ArrowTable")


if __name__ == "__main__":
    ClickHouse().run()
