#!/usr/bin/env python3
"""The command line of stsfs-sim: what makes no sense ends with 2, and a flag stands above the file."""
import subprocess
import sys
import urllib.error
import urllib.request

from scenarios import run
from servers import BIN, check

SIM = BIN / "stsfs-sim"


def ends(wanted, *arguments):
    done = subprocess.run([SIM, *arguments], text=True, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == wanted, f"stsfs-sim {arguments}: exit {done.returncode}, not {wanted}: {done.stdout}")
    return done.stdout


def senseless(work):
    for flag, value in (("--bucket", "a,b=c"), ("--bucket", "A"), ("--bucket", "examplebucket,class=Tape"),
                        ("--bandwidth", "fast"), ("--memory-max", "x"), ("--switch", "nonesuch=on"), ("--fault", "{"),
                        ("--latency-ms", "x"), ("--frobnicate", "1")):
        ends(2, flag, value)
    (work / "sim.toml").write_text('switches = ["nonesuch=on"]\n')
    said = ends(1, "--config", work / "sim.toml")
    check(f"{work}/sim.toml: no such switch" in said, said)
    ends(1, "--storage", "/proc/nonesuch")


def above_the_file(work):
    (work / "sim.toml").write_text("latency_ms = 3600000\n")
    sim = subprocess.Popen([SIM, "--config", work / "sim.toml", "--latency-ms", "0"], text=True, stdout=subprocess.PIPE)
    try:
        said = dict(line.strip().split("=", 1) for line in iter(sim.stdout.readline, "READY=1\n"))
        try:
            urllib.request.urlopen(said["OSS_ENDPOINT"], timeout=60)
            check(False, "answered who has no key")
        except urllib.error.HTTPError as error:
            check(error.code == 403, f"answered with {error.code}")
    finally:
        sim.terminate()
        check(sim.wait(60) == 0, "it did not end well")


def main():
    code = run("sim-line", senseless, above_the_file)
    print("stsfs-sim: 2 for a line that makes no sense, 1 where it could not start; flags stand above the file")
    return code


if __name__ == "__main__":
    sys.exit(main())
