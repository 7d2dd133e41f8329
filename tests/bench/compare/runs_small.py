"""scripts/bench.sh plays every workload on stsfs, scaled far down; every byte was right and every row is whole."""

import csv
import os
import pathlib
import subprocess
import sys
import tempfile

import report
import workloads

FILESYSTEMS = ("stsfs", "stsfs-background")
ROOT = pathlib.Path(__file__).resolve().parents[3]


def check(held, what):
    if not held:
        sys.exit(f"does not hold: {what}")


def main():
    with tempfile.TemporaryDirectory(prefix="stsfs-bench-test-") as place:
        tsv, svg = f"{place}/rows.tsv", f"{place}/picture.svg"
        done = subprocess.run(
            [ROOT / "scripts/bench.sh", "--tiny", "--keep-page-cache", "--profile", "raw", "--fs", ",".join(FILESYSTEMS),
             "--tsv", tsv, "--svg", svg], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            env=dict(os.environ, TMPDIR=place))
        print(done.stdout)
        check(done.returncode == 0, "it ended well")
        with open(tsv, encoding="utf-8") as file:
            columns, *rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        picture = pathlib.Path(svg).read_text(encoding="utf-8")
        check(place not in pathlib.Path("/proc/self/mounts").read_text(), "no mount is left")
    check(tuple(columns) == report.COLUMNS, f"the columns are {report.COLUMNS}")
    check(all(len(row) == len(columns) for row in rows), "every row has every column")
    rows = [dict(zip(columns, row)) for row in rows]
    check(all(float(row["value"]) > 0 and float(row["seconds"]) > 0 and int(row["requests"]) >= 0 for row in rows),
          "no row failed: what was read and stored was right")
    for filesystem in FILESYSTEMS:
        mine = [row["workload"] for row in rows if row["filesystem"] == filesystem]
        check(len(mine) >= len(workloads.WORKLOADS), f"{filesystem} played every workload: {mine}")
    written = next(row for row in rows if row["workload"] == "seqwrite")
    check(int(written["bytes up"]) >= workloads.Sizes.at("tiny", False).large, "what was written went up")
    check("PutObject" in written["request kinds"], "requests are counted by kind")
    check(picture.startswith("<svg") and "seqwrite" in picture, "there is a picture")


if __name__ == "__main__":
    main()
