#!/usr/bin/env python3
"""Files beyond what one PutObject (5 GB) and one CopyObject (1 GB) take: in, attributes, name, exchange, remount, out.

The file is mostly holes, with marked blocks where things could go wrong: at both ends, around 1 GiB and 5 GiB, and at
random. By default of little more than 1 GiB; with STSFS_TEST_FULL of more than 5 GiB. One of more than 5 GiB that the server
puts together from copies of it costs nothing, and is changed in every way. The daemon takes no more than 64 MiB beyond
`memory`, whether it writes or reads for many at once, and 44 MiB more for what it keeps on the disk.
"""
import concurrent.futures
import ctypes
import os
import pathlib
import random
import re
import subprocess
import sys

from folder import Folder, check

GIB = 1 << 30
MIB = 1 << 20
COPIES = 5
BLOCK = 64 << 10
MEMORY, BEYOND, DISK = 64, 64, 44  # MiB; `memory`, all else, and what is on its way to the disk and from it
READERS = 16
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


class Counted:
    """What passes between the daemon and OSS while this is open."""

    def __init__(self, folder, what, sent=0, fetched=0):
        self.folder, self.what, self.sent, self.fetched = folder, what, sent, fetched

    def __enter__(self):
        self.folder.admin("POST", "/counters/reset")

    def __exit__(self, kind, error, trace):
        if error is not None:
            return
        operations = self.folder.admin("GET", "/counters")["operations"]
        sent = sum(one["bytes_in"] for name, one in operations.items() if name in ("PutObject", "UploadPart"))
        fetched = operations.get("GetObject", {}).get("bytes_out", 0)
        asked = {name: one["requests"] for name, one in sorted(operations.items())}
        print(f"{self.what}: {sent} bytes sent, {fetched} fetched; {asked}", flush=True)
        check(sent <= self.sent, f"{self.what}: {sent} bytes were sent, not {self.sent}")
        check(fetched <= self.fetched, f"{self.what}: {fetched} bytes were fetched, not {self.fetched}")


def append_copy(source, target):
    """As cp does it: on the server, in as many calls as it takes."""
    left = source.stat().st_size
    with open(source, "rb") as from_, open(target, "r+b", buffering=0) as to:
        os.lseek(to.fileno(), 0, os.SEEK_END)
        while left > 0:
            done = os.copy_file_range(from_.fileno(), to.fileno(), left)
            check(done > 0, f"copy_file_range ends {left} bytes before the end")
            left -= done


def compare_copies(path, offsets, changed):
    """A window at each mark of each copy; `changed` are bytes by their offset that lie over it."""
    windows = dict(changed)
    for copy in range(COPIES):
        for offset, following in list(zip(offsets, offsets[1:] + [SIZE]))[::5]:
            at = copy * SIZE + offset
            if not any(at - BLOCK < over < at + BLOCK for over in changed):
                windows[at] = mark(offset)[:min(4096, following - offset)]
    with open(path, "rb", buffering=0) as file:
        for at, wanted in windows.items():
            check(os.pread(file.fileno(), len(wanted), at) == wanted, f"{path.name}: other bytes at {at}")
    print(f"{len(windows)} windows, up to {max(windows)}")


def beyond_five_gib(folder, large, offsets):
    """Copies of a file within the mount, one after the other in one file, and what is done to that."""
    copy, huge = folder.path / "copy", folder.path / "huge"
    with Counted(folder, "cp of a large file"):
        subprocess.run(["cp", str(large), str(copy)], check=True, timeout=600)
    compare(copy, offsets)
    with Counted(folder, "five copies in one file"):
        huge.touch()
        for _ in range(COPIES):
            append_copy(copy, huge)
    size = COPIES * SIZE
    check(size > 5 * GIB and huge.stat().st_size == size, f"{huge.stat().st_size} bytes, wanted {size}")
    copy.unlink()
    most = 2 * MIB * COPIES * len(offsets)
    with Counted(folder, "windows of it", fetched=most):
        compare_copies(huge, offsets, {})
    changed = {size: b"A" * MIB}
    with Counted(folder, "an append of 1 MiB", sent=MIB):
        with open(huge, "ab") as file:
            file.write(changed[size])
    at = 4 * GIB + 4096 * 1001
    changed[at] = b"C" * 4096
    with Counted(folder, "a change of 4 KiB beyond 4 GiB", sent=100 << 10, fetched=100 << 10):
        with open(huge, "r+b", buffering=0) as file:
            os.pwrite(file.fileno(), changed[at], at)
    renamed = folder.path / "renamed"
    with Counted(folder, "a rename"):
        huge.rename(renamed)
        folder.stsfs("drain", str(folder.path))
    with Counted(folder, "a chmod"):
        renamed.chmod(0o600)
        folder.stsfs("drain", str(folder.path))
    check(requests(folder, "UploadPartCopy") >= 1, "more than 1 GiB was copied in one request")
    folder.stsfs("umount", str(folder.path))
    folder.mount("-o", "state=third")
    check(renamed.stat().st_mode & 0o777 == 0o600 and renamed.stat().st_size == size + MIB, f"{renamed.stat()}")
    with Counted(folder, "windows of it on another machine", fetched=most):
        compare_copies(renamed, offsets, changed)
    renamed.unlink()
    most_memory = re.search(r"VmHWM:\s*(\d+) kB", pathlib.Path(f"/proc/{folder.SIM_PID}/status").read_text())
    print(f"the simulator had {int(most_memory[1]) >> 10} MiB at most")


def exchange(one, other):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2) != 0:  # AT_FDCWD, RENAME_EXCHANGE
        raise OSError(ctypes.get_errno(), f"exchange of {one} and {other}")


def check_memory(folder, doing, limit=MEMORY + BEYOND):
    """The most that the daemon ever had of its own, and of its programs' pages."""
    status = pathlib.Path(f"/proc/{folder.status()['pid']}/status").read_text()
    peak = next(int(line.split()[1]) >> 10 for line in status.splitlines() if line.startswith("VmHWM:"))
    print(f"{doing}: {peak} MiB with memory={MEMORY}M")
    check(peak <= limit, f"{doing}: {peak} MiB with memory={MEMORY}M")


def read_by_many(path):
    """Each reads a part of its own, from OSS or what the mount keeps, not from the kernel's pages."""
    part = SIZE // READERS + 1

    def one(number):
        with open(path, "rb", buffering=0) as file:
            file.seek(number * part)
            left = min(part, SIZE - number * part)
            while left > 0:
                left -= len(file.read(min(MIB, left)))

    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with concurrent.futures.ThreadPoolExecutor(READERS) as readers:
        list(readers.map(one, range(READERS)))


# "Renaming a file is a copy on the server; no bytes pass through the machine."
# "copy_file_range(2), and so cp(1) within the mount, is a copy on the server: no byte of what is in OSS passes through the
# machine"
def main():
    seed = int(os.environ.get("STSFS_TEST_SEED", random.randrange(1 << 32)))
    print(f"{SIZE} bytes, seed {seed}")
    offsets = marks(seed)
    with Folder(options=(f"memory={MEMORY}M",)) as folder:
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

        check_memory(folder, "writing")
        folder.stsfs("umount", str(folder.path))
        folder.mount("-o", f"state=other,memory={MEMORY}M")
        check(os.listdir(folder.path) == ["directory"], f"found {os.listdir(folder.path)}")
        check(there.stat().st_mode & 0o777 == 0o640, f"mode {there.stat().st_mode:o}")
        compare(there, offsets)
        read_by_many(there)
        check_memory(folder, f"{READERS} readers")

        folder.stsfs("umount", str(folder.path))
        folder.mount("-o", f"state=other,memory={MEMORY}M,cache_size={SIZE + GIB}")
        out = pathlib.Path(folder.work / "out")
        subprocess.run(["cp", str(there), str(out)], check=True, timeout=600)
        compare(out, offsets)
        subprocess.run(["cmp", str(source), str(out)], check=True, timeout=600)
        read_by_many(there)
        check_memory(folder, f"{READERS} readers with a cache on the disk", MEMORY + BEYOND + DISK)
        out.unlink()
        beyond_five_gib(folder, there, offsets)


if __name__ == "__main__":
    sys.exit(main())
