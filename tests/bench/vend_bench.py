#!/usr/bin/env python3
"""stsfs-vend under load, on one machine with its simulator: answers a second, their times, memory, CPU.

    tests/bench/vend_bench.py BUILD [SECONDS]

prints one line a measurement. The client takes CPU from the same cores; `server_cpu_us` an answer is what does not
depend on that.
"""
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "e2e"))
os.environ.setdefault("STSFS_BUILD", sys.argv[1] if len(sys.argv) > 1 else "build/release")
import servers as programs  # noqa: E402

IDLE, BUSY, TRICKLING = 1_000, 32, 10_000


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid, what="VmRSS"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) / 1024
    return 0


def loosen(servers):
    """The limits that the load itself would run into: all of it comes from one address."""
    config = servers.work / "vend.toml"
    config.write_text(config.read_text() + "[limits]\nconnections_max = 20000\nconnections_per_address_max = 20000\n"
                      "requests_per_second = 0\nrequest_timeout_seconds = 15\nidle_timeout_seconds = 600\n")
    vend = servers.running.pop()
    vend.terminate()
    vend.wait(20)
    values = servers.start("vend", [programs.BIN / "stsfs-vend", "serve", "--config", config], "VEND_URL=")
    servers.url = values["VEND_URL"]
    return servers.running[-1].pid


def run(*arguments):
    done = subprocess.run([programs.BIN / "vend_bench", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout.strip()


def main():
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    work = pathlib.Path(tempfile.mkdtemp(prefix="stsfs-vend-bench-"))
    servers = programs.Servers(work)
    try:
        pid = loosen(servers)
        where = servers.url.removeprefix("http://")
        body = json.dumps({"username": "alice", "password": programs.PASSWORD})
        token = programs.ask(servers.url, "/v1/login", json.loads(body))[1]["token"]
        before = cpu_seconds(pid)
        line = run("rate", where, token, seconds, BUSY, IDLE)
        answers = int(line.split()[0].split("=")[1])
        cpu = (cpu_seconds(pid) - before) / answers * 1e6
        print(f"rate: idle={IDLE} busy={BUSY} {line} server_cpu_us={cpu:.0f} server_rss_mib={memory_mib(pid):.0f}")
        print(f"trickle: {run('trickle', where, body, TRICKLING, seconds)} server_rss_mib={memory_mib(pid):.0f} "
              f"peak_mib={memory_mib(pid, 'VmHWM'):.0f}")
        print(f"load average while measured: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    finally:
        servers.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
