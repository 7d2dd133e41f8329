#!/usr/bin/env python3
"""Files beyond what one PutObject (5 GB) and one CopyObject (1 GB) take: in, attributes, name, exchange, remount, out.

The file is mostly holes, with marked blocks where things could go wrong: at both ends, around 1 GiB and 5 GiB, and at
random. By default of little more than 1 GiB; with STSFS_TEST_FULL of more than 5 GiB.
"""
import ctypes
import os
import pathlib
import random
import subprocess
import sys

from folder import Folder, check

GIB = 1 << 30
BLOCK = 64 << 10
SIZE = (5 if os.environ.get("STSFS_TEST_FULL") else 1) * GIB + 100 * (1 << 20) + 12345


def marks(seed):
    chosen = random.Random(seed)
    offsets = {0, SIZE - BLOCK, GIB - BLOCK // 2, min(5 * GIB, SIZE - BLOCK) - BLOCK // 2}
    offsets |= {chosen.randrange(0, SIZE - BLOCK) // BLOCK * BLOCK for _ in range(40)}
    return sorted(offsets)


def mark(offset):
    return random.Random(offset).randbytes(BLOCK)


def write(path, offsets):
    with open(path, "wb") as file:
        for offset in offsets:
            file.seek(offset)
            file.write(mark(offset))
        file.truncate(SIZE)


def compare(path, offsets):
    """Every marked block whole, but where a later one lies over it."""
    check(path.stat().st_size == SIZE, f"{path.name}: {path.stat().st_size} bytes, wanted {SIZE}")
    with open(path, "rb") as file:
        for offset, following in zip(offsets, offsets[1:] + [SIZE]):
            wanted = mark(offset)[:min(BLOCK, following - offset)]
            file.seek(offset)
            check(file.read(len(wanted)) == wanted, f"{path.name}: other bytes at {offset}")


def requests(folder, operation):
    return folder.admin("GET", "/counters")["operations"].get(operation, {}).get("requests", 0)


def exchange(one, other):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2) != 0:  # AT_FDCWD, RENAME_EXCHANGE
        raise OSError(ctypes.get_errno(), f"exchange of {one} and {other}")


# "Renaming a file is a copy on the server; no bytes pass through the machine."
def main():
    seed = int(os.environ.get("STSFS_TEST_SEED", random.randrange(1 << 32)))
    print(f"{SIZE} bytes, seed {seed}")
    offsets = marks(seed)
    with Folder() as folder:
        source = folder.work / "source"
        write(source, offsets)
        here = folder.path / "large"
        subprocess.run(["cp", "--sparse=never", str(source), str(here)], check=True, timeout=600)
        compare(here, offsets)

        uploaded = requests(folder, "UploadPart")
        os.chmod(here, 0o640)
        there = folder.path / "directory" / "renamed"
        there.parent.mkdir()
        here.rename(there)
        small = folder.path / "small"
        small.write_bytes(b"small")
        exchange(there, small)
        check(there.read_bytes() == b"small", "after the exchange the large file's name has other bytes")
        compare(small, offsets)
        exchange(small, there)
        check(small.read_bytes() == b"small", "after the second exchange the small file has other bytes")
        small.unlink()
        check(requests(folder, "UploadPart") == uploaded, "chmod, rename or exchange sent the bytes again")
        check(requests(folder, "UploadPartCopy") > 0, "nothing was copied by parts")

        folder.stsfs("umount", str(folder.path))
        folder.mount("-o", "state=other")
        check(os.listdir(folder.path) == ["directory"], f"found {os.listdir(folder.path)}")
        check(there.stat().st_mode & 0o777 == 0o640, f"mode {there.stat().st_mode:o}")
        compare(there, offsets)
        out = pathlib.Path(folder.work / "out")
        subprocess.run(["cp", str(there), str(out)], check=True, timeout=600)
        compare(out, offsets)
        subprocess.run(["cmp", str(source), str(out)], check=True, timeout=600)


if __name__ == "__main__":
    sys.exit(main())
