"""What is measured. A workload seeds the server, and gives the steps that are run, each timed by itself, on one mount.

Bytes that a step read or wrote are compared: what was written with the server, past the mount; what was read with what the
server was seeded with. Random reads are compared as they come; sequential ones in a pass of their own behind the clock."""

import dataclasses
import mmap
import os
import pathlib
import random
import shutil
import sqlite3
import time
from typing import Callable, Optional

import content
import processes
from processes import Failed
from server import Reference, files_below, wrong_on

MIB = 1 << 20
WORKLOADS = {}


@dataclasses.dataclass
class Sizes:
    """How much of everything. The names of the rows say the counts."""

    large: int = 1 << 30
    reader: int = 256 * MIB  # of each of four
    random: int = 64 * MIB
    random_seconds: float = 20
    create: int = 1000
    tree: int = 2000
    listed: int = 10_000
    found: int = 5000
    renamed: int = 100
    appended_to: int = 100 * MIB
    changed: int = 256 * MIB
    repository: int = 200
    transactions: int = 50

    @classmethod
    def at(cls, scale, wan):
        """`full`, `quick` or `tiny`; over a slow line fewer small files, as their times only add up."""
        sizes = cls()
        if wan:
            sizes.create = sizes.tree = 200
            sizes.transactions = 10
        if scale != "full":
            part = 16 if scale == "quick" else 512
            for name in ("large", "reader", "random", "appended_to", "changed"):
                setattr(sizes, name, max(MIB, getattr(sizes, name) // part))
            part = 10 if scale == "quick" else 100
            for name in ("create", "tree", "listed", "found", "repository"):
                setattr(sizes, name, max(10, getattr(sizes, name) // part))
            sizes.random_seconds = 20 / part
            sizes.renamed, sizes.transactions = (50, 10) if scale == "quick" else (5, 3)
        return sizes


@dataclasses.dataclass
class Step:
    """One row of the result."""

    row: str
    run: Callable[[pathlib.Path], Optional[float]]  # in a process of its own; gives its seconds, else all it took
    amount: int = 0  # bytes, for MB/s; 0: the value is seconds
    writes: bool = False  # it counts until all is stored
    check: Callable[[], Optional[str]] = lambda: None  # what is wrong, past the mount
    after: Optional[Callable[[pathlib.Path], None]] = None  # behind the clock, on the mount, in a process of its own
    remount: bool = False  # a new daemon first, that finds what the last one left on disk


class Stage:
    """Where a workload is played: a prefix on the server, and local sources and scratch on tmpfs."""

    def __init__(self, server, prefix, sizes, sources, scratch):
        self.server, self.prefix, self.sizes = server, prefix, sizes
        self.sources, self.scratch = sources, scratch

    def file(self, name, size):
        return content.make_file(self.sources / f"{name}-{size}", size)

    def seed(self, name, local):
        self.server.seed(f"{self.prefix}/{name}", local)

    def wrong(self, name, local):
        """What is wrong with the server's `name`, which shall be what is at `local`."""
        return wrong_on(self.server, f"{self.prefix}/{name}".rstrip("/"), local)

    def gone(self, name):
        left = self.server.objects(f"{self.prefix}/{name}")
        return f"{len(left)} objects are left" if left else None

    def fetch(self, name):
        """A copy of the server's `name`, of an object or a tree."""
        local = self.scratch / "fetched"
        shutil.rmtree(local, ignore_errors=True)
        if f"{self.prefix}/{name}" in self.server.objects(f"{self.prefix}/{name}"):
            local.mkdir()
            self.server.fetch(f"{self.prefix}/{name}", local / name)
            return local / name
        self.server.download(f"{self.prefix}/{name}", local)
        return local


def workload(play):
    WORKLOADS[play.__name__] = play
    return play


# --- how bytes are read and written ---


def write_all(target, source, size):
    """Writes `size` bytes of the file `source`, 1 MiB at a time, fsync, close."""
    with open(source, "rb") as file, mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ) as data:
        with memoryview(data) as view:
            out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            try:
                for at in range(0, size, MIB):
                    os.write(out, view[at:at + MIB])
                os.fsync(out)
            finally:
                os.close(out)


def read_all(path, size):
    """Reads to the end, 1 MiB at a time."""
    buffer, at = mmap.mmap(-1, MIB), 0
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            at += count
    if at != size:
        raise Failed(f"read {at} bytes of {size}")


def compare_all(path, local):
    reference, buffer, at = Reference(local), bytearray(MIB), 0
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            if not reference.holds(buffer, count, at):
                raise Failed(f"{path.name}: wrong bytes read near {at}")
            at += count
    if at != reference.size:
        raise Failed(f"{path.name}: read {at} bytes of {reference.size}")


def read_at_random(path, local, block, total, seconds):
    """Blocks at random places, compared as they come. Gives the seconds that `total` bytes take at the rate reached."""
    numbers, reference = random.Random(block), Reference(local)
    buffer = bytearray(block)
    views = [memoryview(buffer)]
    done, began = 0, time.monotonic()
    file = os.open(path, os.O_RDONLY)
    try:
        while done < total and time.monotonic() - began < seconds:
            at = numbers.randrange(reference.size // block) * block
            if os.preadv(file, views, at) != block or not reference.holds(buffer, block, at):
                raise Failed(f"wrong bytes read at {at}")
            done += block
    finally:
        os.close(file)
    return (time.monotonic() - began) * total / done


def in_parallel(works):
    """Each in a process of its own; fails when one does."""
    children = []
    for work in works:
        child = os.fork()
        if child == 0:
            try:
                work()
            except BaseException:  # pylint: disable=broad-except
                os._exit(1)
            os._exit(0)
        children.append(child)
    if any([os.waitpid(child, 0)[1] != 0 for child in children]):
        raise Failed("one of the readers failed")


# --- sequential and random bytes ---


@workload
def seqwrite(stage):
    size = stage.sizes.large
    source = stage.file("large", size)
    return [Step("seqwrite", lambda mount: write_all(mount / "large", source, size), amount=size, writes=True,
                 check=lambda: stage.wrong("large", source))]


@workload
def seqread(stage):
    size = stage.sizes.large
    source = stage.file("large", size)
    stage.seed("large", source)
    return [
        Step("seqread_cold", lambda mount: read_all(mount / "large", size), amount=size),
        Step("seqread_warm", lambda mount: read_all(mount / "large", size), amount=size,
             after=lambda mount: compare_all(mount / "large", source)),
        Step("seqread_again", lambda mount: read_all(mount / "large", size), amount=size, remount=True,
             after=lambda mount: compare_all(mount / "large", source)),
    ]


@workload
def first_byte(stage):
    source = stage.file("large", stage.sizes.large)
    stage.seed("large", source)

    def run(mount):
        os.stat(mount / "large")
        reference, buffer, began = Reference(source), bytearray(4096), time.monotonic()
        with open(mount / "large", "rb", buffering=0) as file:
            count = file.readinto(buffer)
        took = time.monotonic() - began
        if not reference.holds(buffer, count, 0) or count == 0:
            raise Failed("wrong bytes read")
        return took

    return [Step("first_byte", run)]


@workload
def par4read(stage):
    size = stage.sizes.reader
    sources = [stage.file(f"reader{number}", size) for number in range(4)]
    for source in sources:
        stage.seed(source.name, source)

    def compare(mount):
        for source in sources:
            compare_all(mount / source.name, source)

    return [Step("par4read", lambda mount: in_parallel([lambda s=s: read_all(mount / s.name, size) for s in sources]),
                 amount=4 * size, after=compare)]


def random_reads(stage, row, block):
    source = stage.file("large", stage.sizes.large)
    stage.seed("large", source)
    total = stage.sizes.random
    return [Step(row, lambda mount: read_at_random(mount / "large", source, block, total, stage.sizes.random_seconds),
                 amount=total)]


@workload
def rand4k(stage):
    return random_reads(stage, "rand4k", 4096)


@workload
def rand128k(stage):
    return random_reads(stage, "rand128k", 128 << 10)


# --- many small files ---


@workload
def create(stage):
    count = stage.sizes.create
    sources = content.make_files(stage.sources / f"small-{count}", count, 4096)
    bodies = {file.name: file.read_bytes() for file in sources.iterdir()}

    def run(mount):
        for name, body in sorted(bodies.items()):
            file = os.open(mount / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            os.write(file, body)
            os.close(file)

    return [Step(f"create_{count}", run, writes=True, check=lambda: stage.wrong("", sources))]


def tree_of(stage):
    return content.make_tree(stage.sources / f"tree-{stage.sizes.tree}", stage.sizes.tree)


@workload
def cpin(stage):
    tree = tree_of(stage)
    return [Step(f"cpin_{stage.sizes.tree}", lambda mount: run_quietly("cp", "-r", tree, mount / "tree"), writes=True,
                 check=lambda: stage.wrong("tree", tree))]


@workload
def cpout(stage):
    tree = tree_of(stage)
    stage.seed("tree", tree)
    out = stage.scratch / "out"
    return [Step(f"cpout_{stage.sizes.tree}", lambda mount: run_quietly("cp", "-r", mount / "tree", out),
                 check=lambda: local_difference(tree, out))]


@workload
def untar(stage):
    tree = tree_of(stage)
    tar = content.make_tar(stage.sources / f"{tree.name}.tar", tree)
    return [Step(f"untar_{stage.sizes.tree}", lambda mount: run_quietly("tar", "-xf", tar, "-C", mount), writes=True,
                 check=lambda: stage.wrong(tree.name, tree))]


@workload
def rmrf(stage):
    stage.seed("tree", tree_of(stage))
    return [Step(f"rmrf_{stage.sizes.tree}", lambda mount: run_quietly("rm", "-r", mount / "tree"), writes=True,
                 check=lambda: stage.gone("tree"))]


# --- parts of large files ---


@workload
def append(stage):
    size = stage.sizes.appended_to
    source, more = stage.file("appended", size), stage.file("more", MIB)
    expected = stage.scratch / "appended"
    expected.write_bytes(source.read_bytes() + more.read_bytes())
    stage.seed("file", source)

    def run(mount):
        file = os.open(mount / "file", os.O_WRONLY | os.O_APPEND)
        os.write(file, more.read_bytes())
        os.fsync(file)
        os.close(file)

    return [Step(f"append_{size // MIB}m", run, writes=True, check=lambda: stage.wrong("file", expected))]


@workload
def overwrite(stage):
    size, changes = stage.sizes.changed, 64
    source = stage.file("changed", size)
    stage.seed("file", source)
    expected = shutil.copyfile(source, stage.scratch / "changed")
    numbers = random.Random(64)
    places = [(numbers.randrange(size // 4096) * 4096, numbers.randbytes(4096)) for _ in range(changes)]

    def change(path):
        file = os.open(path, os.O_RDWR)
        for at, body in places:
            os.pwrite(file, body, at)
        os.fsync(file)
        os.close(file)

    change(expected)
    return [Step(f"overwrite_{changes}x4k", lambda mount: change(mount / "file"), writes=True,
                 check=lambda: stage.wrong("file", expected))]


@workload
def copy(stage):
    size = stage.sizes.large
    source = stage.file("large", size)
    stage.seed("large", source)
    return [Step("copy_inside", lambda mount: run_quietly("cp", mount / "large", mount / "copy"), amount=size, writes=True,
                 check=lambda: stage.wrong("copy", source))]


# --- programs ---


@workload
def git(stage):
    count = stage.sizes.repository
    repository = content.make_repository(stage.sources / f"repository-{count}", count)
    environment = content.git_environment(stage.scratch)

    def git_says(where, *words):
        return processes.run(["git", "-C", where, *words], 60, environment).decode().strip()

    def check():
        """The clone as the server has it is whole, and at the same commit."""
        there = stage.fetch("clone")
        try:
            git_says(there, "fsck", "--full", "--strict")
            if git_says(there, "rev-parse", "HEAD") != git_says(repository, "rev-parse", "HEAD"):
                return "the clone is at another commit"
            changed = git_says(there, "status", "--porcelain")
        except Failed as failure:
            return f"the clone on the server: {failure}"
        return f"the clone on the server differs: {changed.splitlines()[0]}" if changed else None

    def status(mount):
        if changed := git_says(mount / "clone", "status", "--porcelain"):
            raise Failed(f"status is not clean: {changed.splitlines()[0]}")

    return [
        Step("git_clone", lambda mount: run_quietly("git", "clone", "-q", f"file://{repository}", mount / "clone",
                                                    environment=environment), writes=True, check=check),
        Step("git_status", status),
    ]


@workload
def sqlite(stage):
    count, many = stage.sizes.transactions, 5000

    def run(mount):
        base = sqlite3.connect(mount / "base.db", isolation_level=None)
        base.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
        for number in range(count):
            base.execute("INSERT INTO t (text) VALUES (?)", (f"row {number}",))
        base.execute("BEGIN")
        base.executemany("INSERT INTO t (text) VALUES (?)", ((f"row {number}",) for number in range(many)))
        base.execute("COMMIT")
        base.close()

    def check():
        base = sqlite3.connect(stage.fetch("base.db"))
        try:
            if base.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                return "the database on the server is damaged"
            rows = base.execute("SELECT count(*) FROM t").fetchone()[0]
        except sqlite3.Error as error:
            return f"the database on the server: {error}"
        finally:
            base.close()
        return None if rows == count + many else f"the database on the server has {rows} rows, not {count + many}"

    return [Step(f"sqlite_{count}txn", run, writes=True, check=check)]


# --- names ---


@workload
def ls(stage):
    count = stage.sizes.listed
    stage.seed("many", content.make_files(stage.sources / f"listed-{count}", count, 1024))
    time.sleep(3)  # what is as young as a second of Last-Modified nobody can remember safely: most directories are older

    def run(mount):
        lines = processes.run(["ls", "-l", mount / "many"], 600).decode().splitlines()
        if len(lines) != count + 1 or any(line.split()[4] != "1024" for line in lines[1:]):
            raise Failed(f"ls shows {len(lines) - 1} files of {count}, or wrong sizes")

    return [Step(f"ls_{count}_cold", run), Step(f"ls_{count}_warm", run), Step(f"ls_{count}_again", run, remount=True)]


@workload
def find(stage):
    count = stage.sizes.found
    tree = content.make_tree(stage.sources / f"found-{count}", count, max(1, count // 100), lambda number: 16)
    stage.seed("tree", tree)

    def run(mount):
        found = processes.run(["find", mount / "tree", "-type", "f"], 600).decode().splitlines()
        if len(found) != count:
            raise Failed(f"find shows {len(found)} files of {count}")

    return [Step(f"find_{count}", run)]


@workload
def renamedir(stage):
    count = stage.sizes.renamed
    files = content.make_files(stage.sources / f"renamed-{count}", count, 4096)
    stage.seed("before", files)
    return [Step(f"renamedir_{count}", lambda mount: os.rename(mount / "before", mount / "after"), writes=True,
                 check=lambda: stage.gone("before/") or stage.wrong("after", files))]


# --- helpers ---


def run_quietly(*command, environment=None):
    processes.run(command, 3600, environment)


def local_difference(left, right):
    there, here = files_below(left), files_below(right)
    if set(there) != set(here):
        return f"{len(here)} files came out, not {len(there)}"
    for name, file in there.items():
        if file.read_bytes() != here[name].read_bytes():
            return f"{name}: wrong bytes came out"
    return None
