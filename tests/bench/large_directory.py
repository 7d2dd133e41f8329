#!/usr/bin/env python3
"""How long `ls -f` and `ls -l` of a large directory take, and what memory the daemon needs for it.

    STSFS_BUILD=build/release tests/bench/large_directory.py [OBJECTS]     default: 1,000,000

Brings a simulated cloud up, fills one directory behind the daemon's back, and prints a line a step. The first
`ls -l` asks for the attributes of every object (a HEAD each); those after a remount find them remembered.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = str(ROOT / "scripts" / "demo.sh")


def up(directory):
    text = subprocess.run([DEMO, "--up", directory], check=True, capture_output=True, text=True).stdout
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def admin(cloud, method, path, body=None):
    request = urllib.request.Request(cloud["ADMIN_ENDPOINT"] + path, data=body, method=method)
    with urllib.request.urlopen(request, timeout=600) as answer:
        return answer.read()


def requests_of(cloud):
    operations = json.loads(admin(cloud, "GET", "/counters"))["operations"]
    return {name: one["requests"] for name, one in operations.items() if one["requests"]}


def memory_of(cloud, directory):
    status = subprocess.run([cloud["STSFS"], "status", "--json", directory], check=True, capture_output=True)
    return json.loads(status.stdout)["memory_bytes"]


def step(cloud, directory, name, command, objects, before):
    admin(cloud, "POST", "/counters/reset")
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: process.stdout.read(1 << 20), b""))
    took = time.monotonic() - began
    if process.returncode != 0 or lines < objects:
        sys.exit(f"{name}: {lines} lines of {objects}, exit code {process.returncode}")
    memory = memory_of(cloud, directory)
    print(f"{name:28} {took:8.2f} s  {memory / 2**20:8.1f} MiB  {(memory - before) / objects:7.1f} bytes/entry  "
          f"{requests_of(cloud)}", flush=True)


def main():
    objects = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as directory:
        cloud = up(directory)
        try:
            large = directory + "/large"
            admin(cloud, "PUT", f"/objects?bucket={cloud['BUCKET']}&key={cloud['PREFIX']}large/f&count={objects}", b"x" * 100)
            before = memory_of(cloud, directory)
            print(f"{objects} objects; the daemon has {before / 2**20:.1f} MiB", flush=True)
            step(cloud, directory, "ls -f, cold", ["ls", "-f", large], objects, before)
            step(cloud, directory, "ls -f, again", ["ls", "-f", large], objects, before)
            step(cloud, directory, "ls -l, attributes unknown", ["ls", "-l", large], objects, before)
            step(cloud, directory, "ls -l, again", ["ls", "-l", large], objects, before)
            for command in (["umount", directory], ["mount", cloud["VEND_URL"], directory]):
                subprocess.run([cloud["STSFS"], *command], check=True, capture_output=True)
            before = memory_of(cloud, directory)
            step(cloud, directory, "ls -l, after a remount", ["ls", "-l", large], objects, before)
            step(cloud, directory, "find, after that", ["find", large], objects, before)
        finally:
            subprocess.run([DEMO, "--down", directory], check=False, capture_output=True)


if __name__ == "__main__":
    os.environ.setdefault("STSFS_BUILD", str(ROOT / "build" / "release"))
    main()
