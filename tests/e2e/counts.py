#!/usr/bin/env python3
"""What programs cost in requests, counted where these arrive: ls -l, find, tar, cp -p, git status.

No bound here depends on how fast the machine is. rm -r and mv of a directory: tests/mount/tree_test.cc; rsync: programs.py.
"""
import collections
import io
import os
import subprocess
import sys
import tarfile
import time
import urllib.request

from folder import Folder, check, wait_until

LISTED, PER_DIRECTORY = 10_000, 50
ENVIRONMENT = dict(os.environ, GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_SYSTEM=os.devnull, LC_ALL="C")


def run(*command, cwd=None):
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=ENVIRONMENT, text=True, timeout=600,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == 0, f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stdout[-2000:]}")
    return done.stdout


def put_many(folder, key, count):
    """Behind the mount's back, with numbers behind the key."""
    url = f"{folder.ADMIN_ENDPOINT}/objects?bucket={folder.BUCKET}&key={folder.PREFIX}{key}&count={count}"
    urllib.request.urlopen(urllib.request.Request(url, b"text", method="PUT"), timeout=60).close()


def mount_again(folder, *options):
    folder.stsfs("umount", str(folder.path))
    folder.mount("-o", ",".join(options or folder.options))


def requests(folder, what, step):
    """Those to OSS until all that `step` changed is there: (operation, key below the folder)."""
    folder.admin("POST", "/counters/reset")
    step()
    folder.stsfs("drain", str(folder.path))
    sent = [(one["operation"], one["key"].removeprefix(folder.PREFIX)) for one in folder.admin("GET", "/log")["requests"]
            if one["service"] == "oss"]
    print(f"{what}: {len(sent)} {dict(collections.Counter(operation for operation, _ in sent))}", flush=True)
    return sent


def check_few(sent, most, what):
    check(len(sent) <= most, f"{what}: {len(sent)} requests, {most} at most: {sent[:100]}")


def check_warm(folder, step, most, what):
    """A kernel that is short of memory forgets, and has to be told again: then the next time is warm."""
    for _ in range(3):
        sent = requests(folder, what, step)
        if len(sent) <= most:
            break
    check_few(sent, most, what)


# --- reading a tree ---

def listing(folder):
    """A HEAD and a listing to find the directory, then its pages; nothing at all while it is fresh."""
    def list_long():
        lines = run("ls", "-l", folder.path / "many").splitlines()
        check(len(lines) == 1 + LISTED, f"ls -l prints {len(lines)} lines")
    put_many(folder, "many/f", LISTED)
    # Attributes of what has changed in the last two seconds are not remembered.
    folder.admin("POST", "/clock", {"offset_ms": 10_000})
    list_long()
    mount_again(folder)
    check_few(requests(folder, "ls -l, attributes known", list_long), 12, "ls -l of 10,000 entries after a remount")
    check_warm(folder, list_long, 0, "ls -l again")


def walk(folder):
    """A walk lists without a delimiter: what is in 100 directories comes with the same pages."""
    for number in range(100):
        put_many(folder, f"tree/d{number:02}/f", PER_DIRECTORY)
    mount_again(folder)

    def find():
        found = run("find", folder.path / "tree", "-type", "f").splitlines()
        check(len(found) == 100 * PER_DIRECTORY, f"find prints {len(found)} lines")
    check_few(requests(folder, "find", find), 10, "find over 5,000 files in 100 directories")
    check_warm(folder, find, 0, "find again")


# --- making one ---

def check_made(sent, top, files, directories, what):
    """A file is one request, its attributes included. A directory is one, and another for those that it gets at the end."""
    of_files = [one for one in sent if one[1].startswith(f"{top}/") and not one[1].endswith("/")]
    check(len(set(of_files)) >= files, f"{what}: {len(set(of_files))} files were sent of {files}")
    check_few(of_files, files + 5, f"{what}, its files")
    # Owner, mode and times of a directory: as far as these follow closely upon each other they are one.
    check_few(sent, files + 4 * directories + 5, what)


def untar(folder):
    files, archive = 2_000, folder.work / "a.tar"
    directories = ["untarred", *(f"untarred/d{number:02}" for number in range(files // PER_DIRECTORY))]
    with tarfile.open(archive, "w") as tar:
        for name in directories:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o750, 10**9
            tar.addfile(entry)
        for number in range(files):
            entry = tarfile.TarInfo(f"{directories[1 + number // PER_DIRECTORY]}/f{number}")
            entry.size, entry.mode, entry.mtime = 100, 0o640, 10**9 + number
            tar.addfile(entry, io.BytesIO(b"x" * 100))
    sent = requests(folder, "untar", lambda: run("tar", "-xpf", archive, "-C", folder.path))
    check_made(sent, "untarred", files, len(directories), "untar of 2,000 files")
    check((folder.path / "untarred/d20/f1007").stat().st_mtime == 10**9 + 1007, "a time is not what the archive says")


def copy(folder):
    source, files = folder.work / "source", 100
    source.mkdir()
    for number in range(files):
        path = source / f"f{number}"
        path.write_bytes(b"x" * number)
        path.chmod(0o640)
        os.utime(path, ns=(10**18, 10**18 + number))
    sent = requests(folder, "cp -rp", lambda: run("cp", "-rp", source, folder.path / "copied"))
    check_made(sent, "copied", files, 1, "cp -rp of 100 files")
    status = (folder.path / "copied/f42").stat()
    check(status.st_mtime_ns == 10**18 + 42 and status.st_mode & 0o777 == 0o640, f"cp -p did not keep {status}")


# --- git ---

def git_status(folder):
    """git makes index.lock and removes it: a PUT, a look, a delete, and the new time of its directory.

    With consistency=private. Otherwise who opens a file more than a second after the last open hears of OSS whether it is
    still the same: a HEAD and a listing, once for all that is opened within that second.
    """
    origin, clone = folder.work / "origin", folder.path / "clone"
    for number in range(20):
        (origin / f"d{number}").mkdir(parents=True)
        for file in range(5):
            (origin / f"d{number}" / f"f{file}").write_text(f"{number} {file}\n")
    for words in (["init", "-q", "-b", "main"], ["add", "."],
                  ["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "first"]):
        run("git", *words, cwd=origin)
    mount_again(folder, "consistency=private")
    run("git", "clone", "-q", origin, clone)
    # Of what is as young as its index, by the second, git reads the content, and writes the index anew.
    last = max(path.stat().st_mtime for path in clone.glob("d*/*"))
    wait_until(lambda: time.time() >= int(last) + 1, 60, "the second to be over in which git wrote its last file")

    def status():
        printed = run("git", "status", "--porcelain", cwd=clone)
        check(printed == "", f"git status of a clean clone: {printed}")
    requests(folder, "git status", status)
    check_warm(folder, status, 5, "git status again")


def main():
    # Listings that stay good for however long the machine takes.
    with Folder(options=["freshness=1h"]) as folder:
        for scenario in (listing, walk, untar, copy, git_status):
            start = time.monotonic()
            scenario(folder)
            print(f"{scenario.__name__}: {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
