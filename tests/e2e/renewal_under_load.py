#!/usr/bin/env python3
"""Credentials that live 3 s under a minute of copying: every checksum holds and nobody sees an error.

500 files from 0 B to 64 MiB, and one of 1 GiB, go in and come out again; the simulator's log must show at least ten
different access keys on data requests.
"""
import os
import random
import shutil
import subprocess
import sys
import time

from bounds import in_time
from folder import Folder, check, sha256

SECONDS = 60
SIZES = [0, 1, 511, 4096, 65536, 1 << 20]


def write_random(path, size, rng):
    with open(path, "wb") as file:
        while size > 0:
            chunk = min(size, 1 << 20)
            file.write(rng.randbytes(chunk))
            size -= chunk


def make_files(directory, rng):
    for i in range(500):
        size = SIZES[i % len(SIZES)] if i % 50 else rng.randrange(8 << 20, 64 << 20)
        if i == 100:
            size = 64 << 20
        write_random(directory / f"file {i:03d}", size, rng)
    block = rng.randbytes(1 << 20)
    with open(directory / "one GiB", "wb") as file:
        for i in range(1024):
            file.write(i.to_bytes(8, "big") + block[8:])


def copy(source, target):
    done = subprocess.run(["cp", "-r", str(source), str(target)], stderr=subprocess.PIPE, text=True)
    check(done.returncode == 0, f"cp -r {source.name}: {done.stderr}")


def data_keys(folder):
    return {entry["access_key_id"] for entry in folder.admin("GET", "/log")["requests"]
            if entry["operation"] in ("GetObject", "PutObject", "UploadPart") and entry["status"] < 300}


def main():
    seed = int(os.environ.get("STSFS_SEED", random.randrange(1 << 32)))
    print(f"STSFS_SEED={seed}")
    rng = random.Random(seed)
    with Folder(ttl=3) as folder:
        source = folder.work / "source"
        source.mkdir()
        make_files(source, rng)
        wanted = {path.name: sha256(path) for path in source.iterdir()}
        keys, rounds, start = set(), 0, time.monotonic()
        while time.monotonic() - start < SECONDS or len(keys) < 10:
            inside, back = folder.path / f"round {rounds}", folder.work / "back"
            copy(source, inside)
            copy(inside, back)
            got = {path.name: sha256(path) for path in back.iterdir()}
            check(got == wanted, f"round {rounds}: {[n for n in wanted if got.get(n) != wanted[n]]} differ")
            shutil.rmtree(back)
            shutil.rmtree(inside)
            keys |= data_keys(folder)
            rounds += 1
            in_time(time.monotonic() - start < 600, f"after 10 minutes only {len(keys)} keys were seen")
        status = folder.status()
        print(f"{rounds} rounds, {len(keys)} access keys, renewals {status['credential']['renewals']}")
        check(len(keys) >= 10, f"only {len(keys)} different access keys on data requests")


if __name__ == "__main__":
    sys.exit(main())
