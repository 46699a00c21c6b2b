"""DuckDB as a peer: loads TSBS cpu-only CSV into a table once, then times statements in-process.

Reads one JSON object a line on standard input: {"sql": "..."}; answers each with
{"ms": ..., "rows": ..., "first": [...]} on standard output. The time is that of execute + fetch.
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
        rows = database.execute(sql).fetchall()
        elapsed = (time.perf_counter() - start) * 1e3
        first = [str(value) for value in rows[0]] if rows else []
        print(json.dumps({"ms": elapsed, "rows": len(rows), "first": first}), flush=True)


main()
