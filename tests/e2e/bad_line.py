#!/usr/bin/env python3
"""Programs that people run while one request in nine fails: none of them sees it, and what is in OSS is what they wrote.

A lost answer is the worst of these: the request was carried out, and whoever asks again is told that the name is taken,
or that the version is another. libcurl asks again by itself."""
import os
import sqlite3
import sys

from folder import Folder, check
from programs import check_same, run

FAULTS = [{"operation": "*", "probability": 0.03, "reset_before": True},
          {"operation": "*", "probability": 0.03, "reset_after": True},
          {"operation": "*", "probability": 0.03, "status": 503, "code": "ServiceUnavailable"},
          {"operation": "GetObject", "probability": 0.03, "truncate_at": 1000},
          {"operation": "ListObjects*", "probability": 0.03, "truncate_at": 200}]

REPLACED = 40


def sample(root):
    for number in range(90):
        path = root / f"d{number % 10}" / f"e{number % 3}" / f"file {number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(number * 300))
        path.chmod((0o644, 0o600, 0o755)[number % 3])
        os.utime(path, ns=(10**18, 10**18 + number * 10**9))  # tar keeps whole seconds
    for number in range(10):
        (root / f"d{number}" / "link").symlink_to(f"e0/file {number}")
    for directory, _, _ in os.walk(root):
        os.utime(directory, ns=(10**18, 10**18))


def copies(sample_root, place):
    run("tar", "cf", place / "tree.tar", "-C", sample_root.parent, sample_root.name)
    run("tar", "xf", place / "tree.tar", "-C", place)
    run("rsync", "-a", f"{sample_root}/", f"{place}/synced/")
    run("cp", "-a", place / "synced", place / "copied")
    run("mv", place / "copied", place / "moved")
    for number in range(10):
        (place / f"old{number}").mkdir()
        os.symlink("x", place / f"old{number}" / "link")
        os.rename(place / f"old{number}", place / f"new{number}")
        os.unlink(place / f"new{number}" / "link")
        os.rmdir(place / f"new{number}")


def replacements(place):
    """As editors save: a new file over the old one."""
    for number in range(REPLACED):
        (place / "saved.tmp").write_text(f"version {number}")
        os.rename(place / "saved.tmp", place / "saved")
        check((place / "saved").read_text() == f"version {number}", f"version {number} does not show")


def repository(place):
    run("git", "init", "-q", place / "repo")
    for number in range(5):
        (place / "repo" / "file").write_text(f"{number}\n" * 1000)
        run("git", "add", "file", cwd=place / "repo")
        run("git", "commit", "-qm", f"{number}", cwd=place / "repo")
    run("git", "clone", "-q", "--no-local", place / "repo", place / "clone")


def database(place):
    with sqlite3.connect(place / "db") as connection:
        connection.execute("CREATE TABLE t(a)")
        connection.executemany("INSERT INTO t VALUES(?)", [(number,) for number in range(1000)])
    connection.close()


def look(place, sample_root):
    names = sorted(path.name for path in place.iterdir())
    check(names == ["clone", "db", "moved", "repo", "sample", "saved", "synced", "tree.tar"], f"there is {names}")
    for copy in ("sample", "synced", "moved"):
        check_same(sample_root, place / copy, copy)
    check((place / "saved").read_text() == f"version {REPLACED - 1}", "the last version is not there")
    for clone in ("repo", "clone"):
        run("git", "fsck", "--strict", cwd=place / clone)
        check(run("git", "log", "--format=%s", cwd=place / clone).split() == list("43210"), f"commits of {clone}")
    connection = sqlite3.connect(place / "db")
    check(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",), "the database is damaged")
    check(connection.execute("SELECT COUNT(*) FROM t").fetchone() == (1000,), "rows are missing")
    connection.close()


def main(mode):
    with Folder(options=[f"commit={mode}"]) as folder:
        sample_root, place = folder.work / "sample", folder.path / "place"
        sample(sample_root)
        for fault in FAULTS:
            folder.admin("POST", "/faults", fault)
        place.mkdir()
        copies(sample_root, place)
        replacements(place)
        repository(place)
        database(place)
        folder.stsfs("drain", str(folder.path))
        look(place, sample_root)
        operations = folder.status()["operations"].values()
        print(f"commit={mode}: {sum(one['started'] for one in operations)} requests, "
              f"{sum(one['failed'] for one in operations)} of them failed")
        folder.admin("DELETE", "/faults")
        folder.stsfs("umount", str(folder.path))
        folder.mount("-o", "state=other")
        look(place, sample_root)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
