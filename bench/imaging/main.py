"""`./dev bench imaging [WORDS…]`: Limpid beside sharp, vipsthumbnail, Pillow and thumbor, in one run; see README.md.

WORDS choose the jobs whose names contain one of them. Writes bench/results/imaging.json.
"""

import json
import os
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import process
import programs as known
import table
from jobs import CROWDS, JOBS, Crowd, Job
from quality import Judge

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".dev" / "bench"
ROUNDS = int(os.environ.get("ROUNDS", "5"))
CROWD_ROUNDS = 9
# pictures of a measurement of several at once: about a second, since shorter ones say more about the machine's other guests
CROWD_REPEAT = 50
CEILING = "arithmetic"
# SSIMULACRA2 that counts as equal
TOLERANCE = 0.5
# CPU time of one measurement; repetitions are chosen to reach it
WANTED_MS = float(os.environ.get("WANTED_MS", "400"))


def measure(job: Job, programs: dict, judge: Judge, folder: Path) -> dict:
    """Equal quality first, then CPU in interleaved rounds."""
    photograph = HOME / "photographs" / job.photograph
    start = known.DEFAULT_QUALITY[job.format]
    taking = [programs[name] for name in ["limpid", *job.peers] if name in programs]
    anchor = judge.result(programs[job.anchor], job, photograph, start)
    measured = {}
    for program in taking:
        own = judge.result(program, job, photograph, start)
        equal = judge.equal(program, job, photograph, start, anchor.similarity)
        size, allowed = (
            judge.bytes_at(program, job, photograph, equal, anchor.similarity - below) for below in (0, TOLERANCE)
        )
        _, cost = program.make(job, photograph, equal.quality, folder)
        measured[program.name] = {
            "atDefault": asdict(own), "atEqualQuality": asdict(equal), "bytesAtEqualQuality": round(size),
            "bytesAtTolerance": round(allowed),
            "peakMb": round(cost.peak_mb, 1), "rounds": [],
        }
    repeats = {program.name: repetitions(program, job, photograph, measured, folder) for program in taking}
    for _ in range(ROUNDS):
        for program in taking:
            entry = measured[program.name]
            quality = entry["atEqualQuality"]["quality"]
            entry["rounds"].append(program.cpu_ms(job, photograph, quality, folder, repeats[program.name]))
    for entry in measured.values():
        entry["cpuMs"] = round(statistics.median(entry["rounds"]), 2)
        entry["rounds"] = [round(value, 2) for value in entry["rounds"]]
    return {"job": job.name, "equalQuality": round(anchor.similarity, 2), "programs": measured, "bars": bars(job, measured)}


def repetitions(program, job: Job, photograph: Path, measured: dict, folder: Path) -> int:
    quality = measured[program.name]["atEqualQuality"]["quality"]
    once_ms = max(program.cpu_ms(job, photograph, quality, folder, 2), 0.5)
    return min(max(round(WANTED_MS / once_ms), 2), 60)


def bars(job: Job, measured: dict) -> list[dict]:
    """Each bar against the peer that takes the least CPU."""
    ours = measured["limpid"]
    verdicts = []
    for names, wanted in job.bars.items():
        peers = [name for name in names.split() if name in measured]
        if not peers:
            continue
        best = min(peers, key=lambda name: measured[name]["cpuMs"])
        size = ours["bytesAtEqualQuality"] / measured[best]["bytesAtEqualQuality"]
        off = ours["atEqualQuality"]["similarity"] - measured[best]["atEqualQuality"]["similarity"]
        ratio = measured[best]["cpuMs"] / ours["cpuMs"]
        # equal is within the tolerance of quality and of size at once; the size shown is that at exactly equal quality. Without
        # loss there is nothing to interpolate; of AVIF the bytes are stated, not equal
        allowed = ours["bytesAtTolerance"] / measured[best]["bytesAtEqualQuality"]
        is_equal = (allowed <= 1.03 or job.format == "avif") and (off >= -TOLERANCE or job.format != "png")
        verdicts.append(
            {"bestPeer": best, "times": round(ratio, 2), "bar": wanted, "sizeRatio": round(size, 3),
             "similarityAhead": round(off, 2), "passes": ratio >= wanted and is_equal}
        )
    return verdicts


def measure_crowd(crowd: Crowd, programs: dict, folder: Path) -> dict:
    """Peak memory of one process doing several at once, and how much faster than one after the other."""
    photograph = HOME / "photographs" / crowd.job.photograph
    commands = {
        name: lambda times, at_once, program=programs[name]: program.command(
            crowd.job, photograph, 80, program.output(crowd.job, folder), times, at_once
        )
        for name in ["limpid", *crowd.peers]
        if name in programs
    }
    if crowd.max_memory_mb:
        measured = {name: {"peakMb": round(process.run(command(3, crowd.at_once)).peak_mb, 1)} for name, command in commands.items()}
        value = measured["limpid"]["peakMb"]
        verdict = {"value": value, "bar": crowd.max_memory_mb, "passes": value < crowd.max_memory_mb}
        return {"job": crowd.name, "programs": measured, "verdict": verdict}
    # the ceiling is measured like everybody else, in the same rounds
    commands[CEILING] = lambda times, at_once: [sys.executable, str(ROOT / "bench" / "imaging" / "peers" / "arithmetic.py"), str(times), str(at_once)]
    speedups = {name: [] for name in commands}
    for _ in range(CROWD_ROUNDS):
        for name, command in commands.items():
            wall = {}
            for at_once in (1, crowd.at_once):
                base, cost = (process.run(command(times, at_once)) for times in (1, 1 + CROWD_REPEAT))
                wall[at_once] = cost.wall_ms - base.wall_ms
            speedups[name].append(crowd.at_once * wall[1] / wall[crowd.at_once])
    measured = {
        name: {"speedup": round(statistics.median(values), 2), "rounds": sorted(round(value, 2) for value in values)}
        for name, values in speedups.items()
    }
    # of what the machine gives, as if it gave as many cores as are busy
    value = crowd.at_once * measured["limpid"]["speedup"] / min(measured[CEILING]["speedup"], crowd.at_once)
    verdict = {"value": round(value, 2), "bar": crowd.min_speedup, "passes": value >= crowd.min_speedup}
    return {"job": crowd.name, "programs": measured, "verdict": verdict}


def main() -> None:
    python = HOME / "python" / "bin" / "python"
    executable = Path(os.environ.get("LIMPID", ROOT / "target" / "release" / "limpid"))
    words = [word.lower() for word in sys.argv[1:]]
    wanted = lambda name: not words or any(word in name.lower() for word in words)
    with tempfile.TemporaryDirectory(prefix="limpid-bench-") as temporary:
        folder = Path(temporary)
        programs, missing = known.available(executable, python, HOME / "photographs", folder)
        try:
            judge = Judge(python, HOME / "similarity" / "release" / "similarity", folder)
            for name, reason in missing.items():
                print(f"without {name}: {reason}")
            results, crowds = [], []
            for job in filter(lambda job: wanted(job.name), JOBS):
                results.append(measure(job, programs, judge, folder))
                print(table.of_job(results[-1]), flush=True)
            for crowd in filter(lambda crowd: wanted(crowd.name), CROWDS):
                crowds.append(measure_crowd(crowd, programs, folder))
                print(table.of_crowd(crowds[-1]), flush=True)
        finally:
            for program in programs.values():
                program.close()
    print(table.of_bars(results, crowds))
    machine = {"cores": os.cpu_count(), "loadAverage": os.getloadavg()}
    document = {"machine": machine, "rounds": ROUNDS, "missing": missing, "jobs": results, "crowds": crowds}
    file = ROOT / "bench" / "results" / "imaging.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(f"wrote {file.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
