"""ClickHouse in this process (chDB): a MergeTree for each table, sorted by device and time."""

from __future__ import annotations

import tempfile
from typing import Any

import chdb
import pyarrow as pa
from chdb.session import Session

import sql
from peer import TIMES, Form, Peer, Query, Table

# As they are read, and as they are stored.
TYPES = {
    "time": ("Int64", "DateTime64(9, 'UTC')"),
    "tag": ("String", "LowCardinality(String)"),
    "int": ("Int64", "Int64"),
    "float": ("Float64", "Float64"),
}

DIALECT = sql.Dialect(
    instant="toDateTime64('{nanos}', 9, 'UTC')",
    buckets=("toStartOfInterval(time, INTERVAL {seconds} SECOND)", "dateTrunc('{unit}', time)"),
    quantile="quantileExactInclusive({q})({x})",
    last=(
        "SELECT {columns} FROM {table}{where} ORDER BY {by}, time DESC LIMIT 1 BY {by}",
        "SELECT {columns} FROM {table} WHERE ({by}, time) IN (SELECT {by}, max(time) FROM {table}{where} GROUP BY {by})",
        "SELECT DISTINCT ON ({by}) {columns} FROM {table}{where} ORDER BY {by}, time DESC",
        "SELECT {elements} FROM (SELECT argMax(({columns}), time) AS a FROM {table}{where} GROUP BY {by})",
    ),
    newest=("argMax({x}, time)",),
)


class ClickHouse(Peer):
    """chDB in this process."""

    def load(self, request: dict[str, Any]) -> tuple[str, str]:
        """Reads all tables."""
        self.folder = tempfile.TemporaryDirectory(dir=request.get("folder"))
        self.session = Session(self.folder.name)
        self.session.query("CREATE DATABASE tsbs")
        self.session.query("USE tsbs")
        for table in self.tables.values():
            self.load_table(table, request["threads"])
        self.session.query(f"SET max_threads = {request['threads']}")
        keys = " and ".join({table.key for table in self.tables.values()})
        gaps = ", Nullable where values are missing" if any(table.has_gaps for table in self.tables.values()) else ""
        return chdb.__version__, f"MergeTree ORDER BY ({keys}, time), one part; tags LowCardinality(String), DateTime64(9){gaps}"

    def load_table(self, table: Table, threads: int) -> None:
        """Reads a file into a table, and merges its parts to one."""
        run = self.session.query
        raw = ", ".join(f"{name} {typed(table, name, kind, 0)}" for name, kind in table.columns.items())
        kinds = ", ".join(f"{name} {typed(table, name, kind, 1)}" for name, kind in table.columns.items())
        run(f"CREATE TABLE {table.name} ({kinds}) ENGINE = MergeTree ORDER BY ({table.key}, time)")
        columns = ", ".join("fromUnixTimestamp64Nano(time, 'UTC')" if name == "time" else name for name in table.columns)
        run(
            f"INSERT INTO {table.name} SELECT {columns} FROM file('{table.csv}', CSVWithNames, '{raw}') "
            f"SETTINGS max_insert_threads = {threads}"
        )
        run(f"OPTIMIZE TABLE {table.name} FINAL")

    def forms(self, query: Query) -> list[Form]:
        """All texts of a query."""
        return [(name, lambda text=text: self.fetch(text)) for name, text in sql.forms(query, DIALECT)]

    def read(self, answer: pa.Table, query: Query) -> pa.Table:
        """The table of an answer: a DateTime comes as a number of seconds, a Date as one of days."""
        for place, name in enumerate(answer.column_names):
            kind = answer.schema.field(place).type
            if name in TIMES and pa.types.is_uint32(kind):
                answer = answer.set_column(place, name, answer.column(place).cast(pa.int64()).cast(pa.timestamp("s")))
            elif name in TIMES and pa.types.is_uint16(kind):
                answer = answer.set_column(place, name, answer.column(place).cast(pa.int32()).cast(pa.date32()))
        return answer

    def fetch(self, text: str) -> pa.Table:
        """An answer as Arrow."""
        return self.session.query(text, "ArrowTable")


def typed(table: Table, name: str, kind: str, place: int) -> str:
    """The type of a column, as it is read (0) or stored (1)."""
    text = TYPES[kind][place]
    if not table.may_lack(name):
        return text
    return "LowCardinality(Nullable(String))" if text.startswith("Low") else f"Nullable({text})"


if __name__ == "__main__":
    ClickHouse().run()
