"""DuckDB: tables in memory, sorted by device and time, tags as enumerations."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

import sql
from peer import Form, Peer, Query, Table

TYPES = {"time": "BIGINT", "tag": "VARCHAR", "int": "BIGINT", "float": "DOUBLE"}

DIALECT = sql.Dialect(
    instant="TIMESTAMP '{micros}'",
    buckets=("date_trunc('{unit}', time)", "time_bucket(INTERVAL '{seconds} seconds', time)"),
    quantile="quantile_cont({x}, {q})",
    last=(
        "SELECT {columns} FROM {table} JOIN (SELECT {by}, max(time) AS time FROM {table}{where} GROUP BY {by}) USING ({by}, time)",
        "SELECT {columns} FROM {table}{where} QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY time DESC) = 1",
        "SELECT DISTINCT ON ({by}) {columns} FROM {table}{where} ORDER BY {by}, time DESC",
        "SELECT unnest(arg_max(a, time)) FROM (SELECT {columns} FROM {table}{where}) AS a GROUP BY {by}",
    ),
    newest=("arg_max({x}, time)", "last({x} ORDER BY time)"),
    resolution=1000,
)


class DuckDb(Peer):
    """DuckDB in this process."""

    def load(self, request: dict[str, Any]) -> tuple[str, str]:
        """Reads all tables."""
        self.database = duckdb.connect(":memory:")
        self.database.execute(f"SET threads = {request['threads']}")
        self.database.execute("SET TimeZone = 'UTC'")
        for table in self.tables.values():
            self.load_table(table)
        keys = " and ".join({table.key for table in self.tables.values()})
        return duckdb.__version__, f"in memory, ORDER BY {keys}, time; tags ENUM, times TIMESTAMP"

    def load_table(self, table: Table) -> None:
        """Reads a file, and makes enumerations of its texts."""
        run = self.database.execute
        kinds = {name: TYPES[kind] for name, kind in table.columns.items()}
        run(f"CREATE TEMP TABLE read AS SELECT * FROM read_csv('{table.csv}', header = true, columns = {kinds})")
        columns = ["make_timestamp_ns(time)::TIMESTAMP AS time"]
        for name in table.tags:
            kind = f"{table.name}_{name}_t"
            run(f"CREATE TYPE {kind} AS ENUM (SELECT DISTINCT {name} FROM read WHERE {name} IS NOT NULL ORDER BY 1)")
            columns.append(f"{name}::{kind} AS {name}")
        run(f"CREATE TABLE {table.name} AS SELECT * REPLACE ({', '.join(columns)}) FROM read ORDER BY {table.key}, time")
        run("DROP TABLE read")

    def forms(self, query: Query) -> list[Form]:
        """All texts of a query."""
        return [(name, lambda text=text: self.fetch(text)) for name, text in sql.forms(query, DIALECT)]

    def fetch(self, text: str) -> pa.Table:
        """An answer as Arrow."""
        return self.database.sql(text).to_arrow_table()


if __name__ == "__main__":
    DuckDb().run()
