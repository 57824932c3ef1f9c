"""Ours beside DuckDB's, from two result files: a table for docs/PERFORMANCE.md. Ends with 1 where a fixed question is slower than theirs."""
import json
import sys

PERIODS = ["24 h", "7 d", "30 d"]
# Free text is not among the questions whose shape is known beforehand: no counts can be kept for it.
FREE = {"events by text"}

with open(sys.argv[1], encoding="utf-8") as file:
    ours = json.load(file)
with open(sys.argv[2], encoding="utf-8") as file:
    theirs = json.load(file)
print(f"{ours['events']} failures, load {ours['load_average']}, DuckDB {theirs['version']}. p50 / p95 in ms, ours then theirs.\n")
print("| question | " + " | ".join(f"{period} ours | theirs" for period in PERIODS) + " |")
print("|---" * (1 + 2 * len(PERIODS)) + "|")
names = list(dict.fromkeys(key.split(", ", 1)[1] for key in ours["questions_ms"]))
slower = []
for name in names:
    cells = []
    for period in PERIODS:
        key = f"{period}, {name}"
        mine, other = ours["questions_ms"][key], theirs["questions_ms"].get(key)
        cells.append(f"{mine['p50']} / {mine['p95']}")
        cells.append(f"{other['p50']} / {other['p95']}" if other else "–")
        if other and name not in FREE and mine["p50"] > other["p50"]:
            slower.append(f"{key}: {mine['p50']} against {other['p50']}")
    print(f"| {name} | " + " | ".join(cells) + " |")
print("\nSlower than DuckDB (p50): " + ("; ".join(slower) if slower else "none") + ".")
sys.exit(1 if slower else 0)
