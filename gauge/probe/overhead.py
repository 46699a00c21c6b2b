#!/usr/bin/env python3
"""What counting allocations costs an import.

    overhead.py TIDEMILL FILE PAIRS

imports FILE with `--profile-memory` (on), without (off) and without again (the control), in turn and back, into
memory, and prints medians of wall and processor time, and of the ratios of the runs that stand together.
"""
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def run(tidemill, file, options):
    store = tempfile.mkdtemp(dir="/dev/shm")
    command = [tidemill, "import", "--store", store, *options, file]
    used, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    finally:
        shutil.rmtree(store)
    wall, now = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def main():
    tidemill, file, pairs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    ways = {"off": [], "on": ["--profile-memory"], "control": []}
    times = {way: [] for way in ways}
    run(tidemill, file, [])
    for pair in range(pairs):
        for way in list(ways)[:: 1 if pair % 2 == 0 else -1]:
            times[way].append(run(tidemill, file, ways[way]))
    for what, kind in [("wall", 0), ("processor", 1)]:
        print(what, end=":")
        for way, of_way in times.items():
            seconds = statistics.median(time[kind] for time in of_way)
            ratio = statistics.median(a[kind] / b[kind] for a, b in zip(of_way, times["off"]))
            print(f" {way} {seconds:.3f} s ({100 * (ratio - 1):+.1f} %)", end="")
        print()


if __name__ == "__main__":
    main()
