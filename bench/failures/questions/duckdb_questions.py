"""The same questions in DuckDB over the same events: reads EVENTS_CSV, writes BENCH_DUCKDB. Two threads, one process, warm."""
import json
import os
import statistics
import sys
import time

import duckdb

csv, target = os.environ["EVENTS_CSV"], os.environ["BENCH_DUCKDB"]
rounds = int(os.environ.get("ROUNDS", "20"))
database = duckdb.connect()
database.execute("set threads = 2")
started = time.time()
# Sorted by tenant and time, the best case for its zone maps.
database.execute(f"create table f as select * from read_csv('{csv}') order by tenant_id, occurred_at")
print(f"loaded in {time.time() - started:.1f} s", file=sys.stderr)
END = "timestamptz '2026-11-22 12:34:56+00'"
# Moments as numbers: making dates of them in Python would cost more than the question.
QUESTIONS = {
    "summary": "select reason, origin_no, outcome, headline, sum(occurrences) from w group by all",
    "summary of one origin": "select reason, outcome, headline, sum(occurrences) from w where origin_no = 4 group by all",
    "timeseries by code": "select epoch_ms(occurred_at) // {seconds}000 as b, reason, sum(occurrences) from w group by all",
    "timeseries by origin": "select epoch_ms(occurred_at) // {seconds}000 as b, origin_no, sum(occurrences) from w group by all",
    "timeseries by status": "select epoch_ms(occurred_at) // {seconds}000 as b, upstream_status, sum(occurrences) from w group by all",
    "facet of codes": "select reason, sum(occurrences) from w group by all",
    "facet of statuses": "select upstream_status, sum(occurrences) from w group by all",
    "groups": "select epoch_ms(occurred_at) // {trend}000 as b, fingerprint, sum(occurrences), epoch_us(min(occurred_at)), epoch_us(max(occurred_at)) from w group by all",
    "groups of one code": "select epoch_ms(occurred_at) // {trend}000 as b, fingerprint, sum(occurrences), epoch_us(min(occurred_at)), epoch_us(max(occurred_at)) from w where reason in (11, 12, 13) group by all",
    "latest events": "select * replace (epoch_us(occurred_at) as occurred_at) from w order by w.occurred_at desc limit 50",
    "paths": "select path, sum(occurrences) as n from w group by all order by n desc limit 20",
    "events by text": "select * replace (epoch_us(occurred_at) as occurred_at) from w where contains(path, 'image-4444') order by w.occurred_at desc limit 50",
}
PERIODS = {"24 h": ("1 day", 3600, 3600), "7 d": ("7 days", 10800, 21600), "30 d": ("30 days", 86400, 86400)}
result = {}
for period, (length, seconds, trend) in PERIODS.items():
    window = f"(select * from f where tenant_id = 1 and occurred_at >= {END} - interval '{length}' and occurred_at < {END})"
    for name, text in QUESTIONS.items():
        statement = text.format(seconds=seconds, trend=trend).replace(" from w", f" from {window} w")
        database.execute(statement).fetchall()
        millis = []
        for _ in range(rounds):
            started = time.perf_counter()
            database.execute(statement).fetchall()
            millis.append((time.perf_counter() - started) * 1e3)
        millis.sort()
        figures = {"p50": round(statistics.median(millis), 2), "p95": round(millis[max(0, -(-len(millis) * 95 // 100) - 1)], 2)}
        print(f"{period} {name}: p50 {figures['p50']} p95 {figures['p95']}", file=sys.stderr)
        result[f"{period}, {name}"] = figures
with open(target, "w", encoding="utf-8") as file:
    json.dump({"version": duckdb.__version__, "questions_ms": result}, file, indent=2)
    file.write("\n")
