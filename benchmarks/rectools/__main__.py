"""How long `sasrec` and RecTools' SASRec train until they foresee equally well, side by side.

Once, an environment for RecTools, which wants an older numpy:

    python -m venv .bench/rectools
    .bench/rectools/bin/pip install -r benchmarks/environments/rectools.txt

Then, from the project's root on a machine of two idle cores:

    python -m benchmarks.rectools --data movielens-1m --minutes 20

Both learn from the same part of the log, each in its own process and on its own core, and are judged now and
then on the same validation cases; while a model is judged, the clock of its training stands still.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.logs import PROTOCOLS, Protocol
from benchmarks.rectools.curves import Point, best, time_to

PYTHON = Path(".bench/rectools/bin/python")

THEIRS = {
    "movielens-1m": {"session_max_len": 200, "n_blocks": 2, "dropout_rate": 0.1, "loss": "softmax"},
    "beauty": {
        "session_max_len": 50,
        "n_blocks": 1,
        "dropout_rate": 0.2,
        "loss": "sampled_softmax",
        "n_negatives": 256,
    },
}
"""What the authors of RecTools chose for these logs under this protocol, but for the loss on MovieLens.

They sample 256 negatives for both. On MovieLens the full softmax, RecTools' default, takes half the time.
"""
ALWAYS = {"n_factors": 64, "n_heads": 1, "lr": 1e-3, "batch_size": 128}
LEVELS = (0.5, 0.9, 1.0)
"""Parts of the best that RecTools reaches, to which both are timed."""


def main() -> None:
    arguments = _arguments()
    options = {"RecTools": {**ALWAYS, **THEIRS[arguments.data], **arguments.theirs}, "sasrec": arguments.ours}
    with TemporaryDirectory() as folder:
        split = Path(folder) / "split.npz"
        write_split(split, PROTOCOLS[arguments.data])
        theirs = [str(arguments.python), "-m", "benchmarks.rectools.theirs", str(split)]
        theirs += ["--minutes", str(arguments.minutes), "--options", json.dumps(options["RecTools"])]
        ours = [sys.executable, "-m", "benchmarks.rectools.ours", "--data", arguments.data]
        ours += ["--options", json.dumps(options["sasrec"])]
        commands = {"RecTools": theirs, "sasrec": ours}
        runs = in_turns(commands) if arguments.in_turns else side_by_side(commands)
    results = {
        "data": arguments.data,
        "options": options,
        "runs": runs,
        "times": times(*(run["curve"] for run in runs.values())),
    }
    show(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


def write_split(path: Path, protocol: Protocol) -> None:
    """The validation split as arrays, for an environment that cannot read the log itself."""
    split = protocol.validation(protocol.read())
    columns = [("users", np.int32), ("items", np.int32), ("times", np.float64)]
    logs = {}
    for name in ("train", "log"):
        data = getattr(split, name)
        logs[name] = np.empty(len(data), dtype=columns)
        for column, _ in columns:
            logs[name][column] = getattr(data, column)
    np.savez(path, users=split.users, targets=split.targets, **logs)


def side_by_side(commands: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    """Run all at the same time, each on a core of its own."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < len(commands):
        sys.exit(
            f"{len(commands)} processes side by side need as many cores, not {len(cores)}; try --in-turns"
        )
    with ThreadPoolExecutor() as pool:
        running = {
            name: pool.submit(follow, name, command, [core])
            for core, (name, command) in zip(cores, commands.items(), strict=False)
        }
        return {name: run.result() for name, run in running.items()}


def in_turns(commands: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    """Run one after the other, each on all cores."""
    cores = sorted(os.sched_getaffinity(0))
    return {name: follow(name, command, cores) for name, command in commands.items()}


def follow(name: str, command: list[str], cores: list[int]) -> dict[str, Any]:
    """Run a training on some cores and show its curve as it grows.

    Raises:
        CalledProcessError: it failed.
    """
    threads = str(len(cores))
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    pinned = ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]
    run: dict[str, Any] = {"cores": len(cores), "curve": []}
    with subprocess.Popen(pinned, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.startswith("{"):
                continue
            told = json.loads(line)
            if "prepared" in told:
                run |= told
            else:
                run["curve"].append(Point(**told))
                print(
                    f"{name:9}{told['seconds']:8.1f} s, epoch {told['epochs']:6.2f}: {told['ndcg']:.4f}",
                    flush=True,
                )
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return run


def times(theirs: list[Point], ours: list[Point]) -> list[dict[str, float | None]]:
    """The seconds that each needed to the same levels, and how many times longer RecTools took."""
    rows: list[dict[str, float | None]] = []
    for part in LEVELS:
        level = part * best(theirs).ndcg
        their_time, our_time = time_to(theirs, level), time_to(ours, level)
        ratio = their_time / our_time if their_time and our_time else None
        rows.append({"part": part, "ndcg": level, "RecTools": their_time, "sasrec": our_time, "ratio": ratio})
    return rows


def show(results: dict[str, Any]) -> None:
    """The results as two tables."""
    print(f"\n{'':10}{'preparation':>12}{'best NDCG@10':>14}{'after':>9}{'epochs':>8}{'cores':>7}")
    for name, run in results["runs"].items():
        top = best(run["curve"])
        print(
            f"{name:10}{run['prepared']:10.1f} s{top.ndcg:14.4f}{top.seconds:7.0f} s{top.epochs:8.1f}"
            f"{run['cores']:7}"
        )
    print(f"\n{'NDCG@10':20}{'RecTools':>12}{'sasrec':>12}{'ratio':>8}")
    for row in results["times"]:
        figures = [
            f"{row[name]:10.0f} s" if row[name] else f"{'never':>12}" for name in ("RecTools", "sasrec")
        ]
        ratio = f"{row['ratio']:8.1f}" if row["ratio"] else ""
        print(f"{row['ndcg']:.4f} ({row['part']:4.0%} of best){''.join(figures)}{ratio}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=sorted(THEIRS), required=True)
    parser.add_argument("--minutes", type=float, default=20.0, help="that RecTools may train")
    parser.add_argument("--in-turns", action="store_true", help="one after the other, each on all cores")
    parser.add_argument("--theirs", type=json.loads, default={}, help="options of `SASRecModel` as JSON")
    parser.add_argument("--ours", type=json.loads, default={}, help="options of `sasrec` as JSON")
    parser.add_argument("--json", type=Path, help="file for the curves and the times")
    parser.add_argument("--python", type=Path, default=PYTHON, help="of the environment that has RecTools")
    arguments = parser.parse_args()
    if not arguments.python.exists():
        parser.error(f"{arguments.python} does not exist; make the environment as shown by --help")
    return arguments


if __name__ == "__main__":
    main()
