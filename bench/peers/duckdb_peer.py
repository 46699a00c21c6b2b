"""DuckDB as a peer: loads TSBS cpu-only CSV into a table once, then times statements in-process.

Reads one JSON object a line on standard input: {"sql": "..."}; answers each with
{"ms": ..., "rows": ..., "sum": ..., "version": ...} on standard output. The time is that of executing
and fetching the answer as Arrow, as our own is; the sum is that of the last column.
"""

import json
import sys
import time

import duckdb


def main() -> None:
    database = duckdb.connect(":memory:")
    database.execute(f"SET threads = {int(sys.argv[2])}")
    database.execute("SET TimeZone = 'UTC'")
    database.execute(
        "CREATE TABLE cpu AS SELECT * REPLACE (make_timestamp_ns(time) AS time) "
        f"FROM read_csv('{sys.argv[1]}', header = true) ORDER BY hostname, time"
    )
    print(json.dumps({"ready": duckdb.__version__}), flush=True)
    for line in sys.stdin:
        sql = json.loads(line)["sql"]
        start = time.perf_counter()
        table = database.sql(sql).to_arrow_table()
        elapsed = (time.perf_counter() - start) * 1e3
        total = sum(float(value) for value in table.column(table.num_columns - 1).to_pylist())
        answer = {"ms": elapsed, "rows": table.num_rows, "sum": total, "version": duckdb.__version__}
        print(json.dumps(answer), flush=True)


main()
