#!/usr/bin/env python3
"""Random operations on one file against a copy in memory: reads, writes, truncations, mappings, reopening.

    one_file.py [SEED [OPERATIONS]]      on a mount of its own
    one_file.py --on DIR [SEED [OPERATIONS]]

Every run prints its seed; a failure prints the last operations. ONE_FILE_SEED repeats a run.
"""
import collections
import mmap
import os
import random
import sys

from folder import Folder, check

SIZE_MAX = 3 << 20
OPERATIONS = int(os.environ.get("ONE_FILE_OPERATIONS", "1200"))


class OneFile:
    def __init__(self, path, seed, longest):
        self.path, self.random, self.longest = str(path), random.Random(seed), longest
        self.shadow = bytearray()
        self.done = collections.deque(maxlen=20)
        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)

    def range_below(self, end):
        offset = self.random.randrange(end + 1)
        return offset, self.random.randrange(self.longest) + 1

    def bytes(self, length):
        return self.random.randbytes(length)

    # --- the operations; each says what it did ---

    def write(self):
        offset, length = self.range_below(min(SIZE_MAX - self.longest, len(self.shadow) + 4096))
        data = self.bytes(length)
        check(os.pwrite(self.file, data, offset) == length, "a short write")
        self.put(data, offset)
        return f"write {offset}+{length}"

    def append(self):
        if len(self.shadow) + self.longest > SIZE_MAX:
            return "no append"
        data = self.bytes(self.random.randrange(self.longest) + 1)
        with open(self.path, "ab") as file:
            file.write(data)
        self.shadow += data
        return f"append {len(data)}"

    def read(self):
        offset, length = self.range_below(len(self.shadow))
        got = os.pread(self.file, length, offset)
        self.same(got, self.shadow[offset:offset + length], f"read {offset}+{length}")
        return f"read {offset}+{length}"

    def truncate(self):
        size = self.random.randrange(SIZE_MAX if self.random.random() < 0.2 else len(self.shadow) + 1)
        if self.random.random() < 0.7:
            os.ftruncate(self.file, size)
        else:
            os.truncate(self.path, size)
        self.shadow = self.shadow[:size] + bytes(max(0, size - len(self.shadow)))
        return f"truncate {size}"

    def map_read(self):
        if not self.shadow:
            return "nothing to map"
        offset, length = self.range_below(len(self.shadow) - 1)
        with mmap.mmap(self.file, 0, mmap.MAP_SHARED, mmap.PROT_READ) as mapped:
            self.same(mapped[offset:offset + length], self.shadow[offset:offset + length], f"map {offset}+{length}")
        return f"map read {offset}+{length}"

    def map_write(self):
        if not self.shadow:
            return "nothing to map"
        offset, length = self.range_below(len(self.shadow) - 1)
        data = self.bytes(min(length, len(self.shadow) - offset))
        with mmap.mmap(self.file, 0) as mapped:
            mapped[offset:offset + len(data)] = data
            if self.random.random() < 0.5:
                mapped.flush()
        self.put(data, offset)
        return f"map write {offset}+{len(data)}"

    def sync(self):
        os.fsync(self.file)
        return "fsync"

    def reopen(self):
        os.close(self.file)
        self.file = os.open(self.path, os.O_RDWR)
        return "reopen"

    def drop_caches(self):
        os.fsync(self.file)
        os.posix_fadvise(self.file, 0, 0, os.POSIX_FADV_DONTNEED)
        return "drop caches"

    def rename(self):
        other = self.path + "'"
        os.rename(self.path, other)
        os.rename(other, self.path)
        return "rename to and fro"

    def attributes(self):
        mode = self.random.choice((0o600, 0o640, 0o755))
        os.chmod(self.path, mode)
        os.utime(self.path, ns=(1, 2))
        check(os.stat(self.path).st_mode & 0o7777 == mode, "chmod did not show")
        return "chmod, utime"

    # --- comparing ---

    def put(self, data, offset):
        if offset > len(self.shadow):
            self.shadow += bytes(offset - len(self.shadow))
        self.shadow[offset:offset + len(data)] = data

    def same(self, got, wanted, what):
        if got == bytes(wanted):
            return
        first = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
        raise AssertionError(f"{what}: {len(got)} bytes for {len(wanted)}, the first other one at +{first}")

    def check_size(self):
        size = os.fstat(self.file).st_size
        check(size == len(self.shadow), f"the size is {size}, should be {len(self.shadow)}")

    def run(self, operations):
        choices = [self.write] * 6 + [self.read] * 6 + [self.truncate] * 2 + [self.map_read, self.map_write] * 2 + \
                  [self.append, self.append, self.sync, self.reopen, self.drop_caches, self.rename, self.attributes]
        for number in range(operations):
            operation = self.random.choice(choices)
            self.done.append(f"{number} {operation.__name__} …")
            self.done[-1] = f"{number} {operation()}"
            self.check_size()
        os.close(self.file)
        with open(self.path, "rb") as file:
            self.same(file.read(), self.shadow, "the whole file")


def run(directory, seed, operations, longest):
    print(f"ONE_FILE_SEED={seed} longest={longest}", flush=True)
    one = OneFile(directory / f"file-{seed}", seed, longest)
    try:
        one.run(operations)
    except BaseException:
        print("the last operations:", *one.done, sep="\n  ", file=sys.stderr)
        raise
    return one


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--on"]:
        import pathlib
        seed = int(arguments[2]) if len(arguments) > 2 else random.randrange(10**9)
        run(pathlib.Path(arguments[1]), seed, int(arguments[3]) if len(arguments) > 3 else OPERATIONS, 65_536)
        return
    first = int(os.environ.get("ONE_FILE_SEED", random.randrange(10**9)))
    rounds = 8 if os.environ.get("STSFS_TEST_FULL") else 2
    with Folder(options=["umask=022"]) as folder:
        files = [run(folder.path, first + i, OPERATIONS, (9_000, 200_000)[i % 2]) for i in range(rounds)]
        folder.stsfs("umount", str(folder.path))
        folder.mount()
        for one in files:
            with open(one.path, "rb") as file:
                one.same(file.read(), one.shadow, "after a remount")


if __name__ == "__main__":
    sys.exit(main())
