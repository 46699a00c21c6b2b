"""DuckDB: a table in memory, sorted by host and time, tags as enumerations."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

import sql
from peer import Form, Peer, Query

DIALECT = sql.Dialect(
    instant="TIMESTAMP '{micros}'",
    buckets=("date_trunc('{unit}', time)", "time_bucket(INTERVAL '{seconds} seconds', time)"),
    quantile="quantile_cont({x}, {q})",
    last=(
        "SELECT {columns} FROM cpu JOIN (SELECT hostname, max(time) AS time FROM cpu GROUP BY hostname) USING (hostname, time)",
        "SELECT {columns} FROM cpu QUALIFY row_number() OVER (PARTITION BY hostname ORDER BY time DESC) = 1",
        "SELECT DISTINCT ON (hostname) {columns} FROM cpu ORDER BY hostname, time DESC",
        "SELECT unnest(arg_max(cpu, time)) FROM cpu GROUP BY hostname",
    ),
    resolution=1000,
)


class DuckDb(Peer):
    """DuckDB in this process."""

    def load(self, request: dict[str, Any]) -> tuple[str, str]:
        """Reads the CSV twice: the texts' values, then the rows."""
        self.database = duckdb.connect(":memory:")
        run = self.database.execute
        run(f"SET threads = {request['threads']}")
        run("SET TimeZone = 'UTC'")
        with open(request["csv"], encoding="utf-8") as file:
            names = file.readline().strip().split(",")
        numbers = set(request["fields"]) | {"time"}
        texts = [name for name in names if name not in numbers]
        kinds = {name: "VARCHAR" if name in texts else "BIGINT" for name in names}
        source = f"read_csv('{request['csv']}', header = true, columns = {kinds})"
        columns = ["make_timestamp_ns(time)::TIMESTAMP AS time"]
        for name in texts:
            run(f"CREATE TYPE {name}_t AS ENUM (SELECT DISTINCT {name} FROM {source} ORDER BY 1)")
            columns.append(f"{name}::{name}_t AS {name}")
        run(
            f"CREATE TABLE cpu AS SELECT * REPLACE ({', '.join(columns)}) FROM {source} "
            "ORDER BY hostname, time"
        )
        return duckdb.__version__, "in memory, ORDER BY hostname, time; tags ENUM, times TIMESTAMP"

    def forms(self, query: Query) -> list[Form]:
        """All texts of a query."""
        return [(name, lambda text=text: self.fetch(text)) for name, text in sql.forms(query, DIALECT)]

    def fetch(self, text: str) -> pa.Table:
        """An answer as Arrow."""
        return self.database.sql(text).to_arrow_table()


if __name__ == "__main__":
    DuckDb().run()
