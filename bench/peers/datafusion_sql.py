"""DataFusion: record batches in memory, sorted by host and time, tags as dictionaries."""

from __future__ import annotations

from typing import Any

import datafusion
import pyarrow as pa
import pyarrow.csv
from datafusion import SessionConfig, SessionContext

import sql
from peer import Form, Peer, Query

DIALECT = sql.Dialect(
    instant="arrow_cast({nanoseconds}, 'Timestamp(Nanosecond, None)')",
    buckets=("date_bin(INTERVAL '{seconds} seconds', time)", "date_trunc('{unit}', time)"),
    quantile="percentile_cont({q}) WITHIN GROUP (ORDER BY {x})",
    last=(
        "SELECT {columns} FROM cpu JOIN (SELECT hostname AS h, max(time) AS t FROM cpu GROUP BY hostname) ON hostname = h AND time = t",
        "SELECT DISTINCT ON (hostname) {columns} FROM cpu ORDER BY hostname, time DESC",
        "SELECT {columns} FROM (SELECT *, row_number() OVER (PARTITION BY hostname ORDER BY time DESC) AS n FROM cpu) WHERE n = 1",
    ),
)


class DataFusion(Peer):
    """DataFusion in this process."""

    def load(self, request: dict[str, Any]) -> tuple[str, str]:
        """Reads the CSV, sorts it and keeps it as batches, a part for each thread."""
        threads = request["threads"]
        numbers = set(request["fields"]) | {"time"}
        with open(request["csv"], encoding="utf-8") as file:
            names = file.readline().strip().split(",")
        kinds = {name: pa.int64() if name in numbers else pa.string() for name in names}
        read = pa.csv.read_csv(request["csv"], convert_options=pa.csv.ConvertOptions(column_types=kinds))
        read = read.sort_by([("hostname", "ascending"), ("time", "ascending")])
        for place, name in enumerate(names):
            column = read.column(name)
            column = column.cast(pa.timestamp("ns")) if name == "time" else column
            read = read.set_column(place, name, column if name in numbers else column.dictionary_encode())
        read = read.unify_dictionaries()
        config = SessionConfig().with_target_partitions(threads)
        self.context = SessionContext(config)
        rows = -(-read.num_rows // threads)
        parts = [read.slice(part * rows, rows).to_batches(max_chunksize=8192) for part in range(threads)]
        self.context.register_record_batches("cpu", parts)
        return datafusion.__version__, "batches of 8,192 rows in memory, sorted by hostname and time; tags Dictionary(Int32, Utf8)"

    def forms(self, query: Query) -> list[Form]:
        """All texts of a query."""
        return [(name, lambda text=text: self.fetch(text)) for name, text in sql.forms(query, DIALECT)]

    def fetch(self, text: str) -> pa.Table:
        """An answer as Arrow."""
        return self.context.sql(text).to_arrow_table()


if __name__ == "__main__":
    DataFusion().run()
