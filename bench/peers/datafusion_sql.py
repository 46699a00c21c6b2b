"""DataFusion: record batches in memory, sorted by device and time, tags as dictionaries."""

from __future__ import annotations

from typing import Any

import datafusion
import pyarrow as pa
import pyarrow.csv
from datafusion import SessionConfig, SessionContext

import sql
from peer import Form, Peer, Query, Table

TYPES = {"time": pa.int64(), "tag": pa.string(), "int": pa.int64(), "float": pa.float64()}

DIALECT = sql.Dialect(
    instant="arrow_cast({nanoseconds}, 'Timestamp(Nanosecond, None)')",
    buckets=("date_bin(INTERVAL '{seconds} seconds', time)", "date_trunc('{unit}', time)"),
    quantile="percentile_cont({q}) WITHIN GROUP (ORDER BY {x})",
    last=(
        "SELECT {columns} FROM {table} JOIN (SELECT {by} AS b, max(time) AS t FROM {table}{where} GROUP BY {by}) ON {by} = b AND time = t",
        "SELECT DISTINCT ON ({by}) {columns} FROM {table}{where} ORDER BY {by}, time DESC",
        "SELECT {columns} FROM (SELECT *, row_number() OVER (PARTITION BY {by} ORDER BY time DESC) AS n FROM {table}{where}) WHERE n = 1",
        "SELECT {newest} FROM {table}{where} GROUP BY {by}",
    ),
    newest=("last_value({x} ORDER BY time)",),
)


class DataFusion(Peer):
    """DataFusion in this process."""

    def load(self, request: dict[str, Any]) -> tuple[str, str]:
        """Reads all tables."""
        threads = request["threads"]
        self.context = SessionContext(SessionConfig().with_target_partitions(threads))
        for table in self.tables.values():
            self.load_table(table, threads)
        keys = " and ".join({table.key for table in self.tables.values()})
        return datafusion.__version__, f"batches of 8,192 rows in memory, sorted by {keys} and time; tags Dictionary(Int32, Utf8)"

    def load_table(self, table: Table, threads: int) -> None:
        """Reads a file, sorts it and keeps it as batches, a part for each thread."""
        kinds = {name: TYPES[kind] for name, kind in table.columns.items()}
        options = pa.csv.ConvertOptions(column_types=kinds, null_values=[""], strings_can_be_null=True)
        read = pa.csv.read_csv(table.csv, convert_options=options)
        read = read.sort_by([(table.key, "ascending"), ("time", "ascending")])
        for place, (name, kind) in enumerate(table.columns.items()):
            column = read.column(name)
            if kind == "time":
                read = read.set_column(place, name, column.cast(pa.timestamp("ns")))
            elif kind == "tag":
                read = read.set_column(place, name, column.dictionary_encode())
        read = read.unify_dictionaries()
        rows = -(-read.num_rows // threads)
        batches = [read.slice(part * rows, rows).to_batches(max_chunksize=8192) for part in range(threads)]
        self.context.register_record_batches(table.name, batches)

    def forms(self, query: Query) -> list[Form]:
        """All texts of a query."""
        return [(name, lambda text=text: self.fetch(text)) for name, text in sql.forms(query, DIALECT)]

    def fetch(self, text: str) -> pa.Table:
        """An answer as Arrow."""
        return self.context.sql(text).to_arrow_table()


if __name__ == "__main__":
    DataFusion().run()
