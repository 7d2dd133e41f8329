#!/usr/bin/env python3
"""Programs that people run on a folder see nothing unusual: git, SQLite, rsync, tar, zip, make, editors, cp -a."""
import os
import pathlib
import shutil
import sqlite3
import stat
import subprocess
import sys
import time

from folder import Folder, check, wait_until

ENVIRONMENT = dict(os.environ, GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@example.com", GIT_COMMITTER_NAME="a",
                   GIT_COMMITTER_EMAIL="a@example.com", GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_SYSTEM=os.devnull,
                   LC_ALL="C")


def run(*command, cwd=None):
    """What it printed; fails the test with that unless it exits with 0."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=ENVIRONMENT, text=True, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == 0, f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stdout}")
    return done.stdout


def sample_tree(root):
    """Files of several sizes, modes and times, a link, an empty directory, extended attributes."""
    for directory in ("a/b", "c", "empty"):
        (root / directory).mkdir(parents=True)
    for number in range(12):
        path = root / ("a", "a/b", "c")[number % 3] / f"file {number}.txt"
        path.write_bytes(os.urandom(number * 997))
        path.chmod((0o644, 0o600, 0o755)[number % 3])
        os.utime(path, ns=(10**18 + number, 10**18 + 123456789 * number))
    os.setxattr(root / "c" / "file 2.txt", "user.colour", b"blue\0")
    (root / "link").symlink_to("a/file 0.txt")
    # Long ago: rsync leaves a directory's time alone that differs by less than a second.
    for number, directory in enumerate(("a/b", "a", "c", "empty")):
        os.utime(root / directory, ns=(10**18, 10**18 + 5 + number))


def picture(root, with_times=True):
    """Everything below `root` that a copy has to have, by path."""
    out = {}
    for directory, directories, files in os.walk(root):
        for name in directories + files:
            path = pathlib.Path(directory) / name
            status = path.lstat()
            content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            xattrs = {} if path.is_symlink() else {key: os.getxattr(path, key) for key in os.listxattr(path)}
            times = status.st_mtime_ns if with_times and not path.is_symlink() else 0
            out[str(path.relative_to(root))] = (stat.filemode(status.st_mode), times, content, xattrs)
    return out


def check_same(source, copy, what):
    wanted, got = picture(source), picture(copy)
    check(wanted.keys() == got.keys(), f"{what}: names differ: {sorted(wanted.keys() ^ got.keys())}")
    for path in wanted:
        check(wanted[path] == got[path],
              f"{what}: {path}: {[field if not isinstance(field, bytes) else len(field) for field in got[path]]}, wanted "
              f"{[field if not isinstance(field, bytes) else len(field) for field in wanted[path]]}")


def remount(folder):
    folder.stsfs("umount", str(folder.path))
    folder.mount("-o", ",".join(folder.options))


def requests_of(folder):
    return {name: line["started"] if isinstance(line, dict) else line[0]
            for name, line in folder.status()["operations"].items()}


# --- the programs ---

def git(folder):
    source, clone = folder.work / "origin", folder.path / "clone"
    source.mkdir()
    run("git", "init", "-q", "-b", "main", cwd=source)
    for number in range(20):
        (source / f"f{number}").write_text(f"{number}\n" * 50)
    run("git", "add", ".", cwd=source)
    run("git", "commit", "-qm", "first", cwd=source)
    run("git", "clone", "-q", source, clone)
    (clone / "f3").write_text("changed\n")
    run("git", "mv", "f4", "renamed", cwd=clone)
    run("git", "commit", "-qam", "second", cwd=clone)
    run("git", "gc", "-q", cwd=clone)
    run("git", "fsck", "--strict", cwd=clone)
    check(run("git", "status", "--porcelain", cwd=clone) == "", "git status of a clean clone is not empty")
    run("git", "push", "-q", "origin", "main:second", cwd=clone)


def sqlite(folder):
    for mode in ("delete", "wal"):
        path = folder.path / f"{mode}.db"
        database = sqlite3.connect(path, timeout=30)
        check(database.execute(f"pragma journal_mode={mode}").fetchone()[0] == mode, f"SQLite refuses mode {mode}")
        database.execute("create table t(n integer primary key, text)")
        for transaction in range(5):
            with database:
                database.executemany("insert into t(text) values(?)", [("x" * 300,)] * 40)
        reader = sqlite3.connect(path, timeout=30)
        check(reader.execute("select count(*) from t").fetchone()[0] == 200, f"{mode}: rows are missing")
        reader.close()
        database.close()
        check(run("sqlite3", path, "pragma integrity_check").strip() == "ok", f"{mode}: the database is damaged")


def rsync(folder, source):
    target = folder.path / "synced"
    before = requests_of(folder)
    run("rsync", "-aX", f"{source}/", f"{target}/")
    wait_until(lambda: folder.status()["pending"]["files"] == 0, 60, "what rsync wrote to be in OSS")
    after = requests_of(folder)
    check_same(source, target, "rsync -aX")
    files = sum(1 for path in source.rglob("*") if path.is_file() and not path.is_symlink())
    # Each is put under a temporary name and renamed; attributes go along with that, but for those that come late on a busy
    # machine. A directory's go by a copy of its own.
    directories = sum(1 for path in source.rglob("*") if path.is_dir()) + 1
    copies = after.get("CopyObject", 0) - before.get("CopyObject", 0)
    check(copies <= 2 * files + directories, f"rsync of {files} files took {copies} copies: {after}")
    again = run("rsync", "-aXi", f"{source}/", f"{target}/")
    check(again == "", f"a second rsync moves something: {again}")
    return target


def tar(folder, source):
    archive, target = folder.path / "a.tar", folder.path / "untarred"
    target.mkdir()
    run("tar", "--xattrs", "-cf", archive, "-C", source, ".")
    run("tar", "--xattrs", "-xpf", archive, "-C", target)
    check_same(source, target, "tar")


def zip_archive(folder, source):
    archive = folder.path / "a.zip"
    run("zip", "-qry", archive, ".", cwd=source)
    run("unzip", "-q", archive, "-d", folder.path / "unzipped")

    def kept(root):  # whole seconds of times, and no extended attributes
        return {path: (mode, times // 10**9, content) for path, (mode, times, content, _) in picture(root).items()}

    wanted, got = kept(source), kept(folder.path / "unzipped")
    check(wanted.keys() == got.keys(), f"zip: names differ: {sorted(wanted.keys() ^ got.keys())}")
    for path in wanted:
        check(wanted[path] == got[path], f"zip: {path}: {got[path][:2]}, wanted {wanted[path][:2]}")


def make(folder):
    project = folder.path / "project"
    project.mkdir()
    (project / "answer.c").write_text("int answer(void) { return 42; }\n")
    (project / "main.c").write_text("int answer(void);\nint main(void) { return answer() - 42; }\n")
    (project / "Makefile").write_text("main: main.o answer.o\n\t$(CC) -o $@ $^\nclean:\n\trm -f main *.o\n")
    run("make", cwd=project)
    run(project / "main")
    check("up to date" in run("make", cwd=project), "make builds what it has just built")
    run("make", "clean", cwd=project)
    check(sorted(os.listdir(project)) == ["Makefile", "answer.c", "main.c"], f"clean left {os.listdir(project)}")


def editors(folder):
    path = folder.path / "letter.txt"
    path.write_text("one\n")
    path.chmod(0o640)
    run("vim", "-es", "-N", "-u", "NONE", "-c", "normal Gotwo", "-c", "wq", path)
    check(path.read_text() == "one\ntwo\n", f"vim wrote {path.read_text()!r}")
    check(stat.S_IMODE(path.stat().st_mode) == 0o640, "vim's file lost its mode")
    # As emacs saves: the old one becomes the backup, a lock link beside it.
    lock = folder.path / ".#letter.txt"
    lock.symlink_to("a@machine.1234:5678")
    backup = folder.path / "letter.txt~"
    os.rename(path, backup)
    with open(path, "x") as file:
        file.write("one\ntwo\nthree\n")
        os.fchmod(file.fileno(), 0o640)
        file.flush()
        os.fsync(file.fileno())
    check(os.readlink(lock) == "a@machine.1234:5678", f"the lock says {os.readlink(lock)!r}")
    lock.unlink()
    check(backup.read_text() == "one\ntwo\n" and path.read_text() == "one\ntwo\nthree\n", "a save by rename lost text")
    for each in (path, backup):
        check(stat.S_IMODE(each.stat().st_mode) == 0o640, f"{each.name} lost its mode in a save by rename")
    # As desktop programs save: a temporary file that replaces the old one.
    temporary = folder.path / ".goutputstream-1"
    temporary.write_text("four\n")
    os.replace(temporary, path)
    check(path.read_text() == "four\n" and not lock.is_symlink(), "a save by replacing did not show")


def copies_and_moves(folder, source):
    copy = folder.path / "copied"
    run("cp", "-a", source, copy)
    check_same(source, copy, "cp -a into the folder")
    run("cp", "-a", copy, folder.path / "copied again")
    check_same(source, folder.path / "copied again", "cp -a within the folder")
    run("mv", copy / "a" / "b", copy / "c" / "moved")
    run("mv", copy / "c", folder.path / "elsewhere")
    check(len(list((folder.path / "elsewhere" / "moved").iterdir())) == 4, "mv lost files")
    found = run("find", folder.path / "elsewhere", "-type", "f").splitlines()
    check(len(found) == 8, f"find sees {found}")
    (folder.path / "elsewhere" / "needle").write_text("hay\nneedle\n")
    check("needle:needle" in run("grep", "-r", "needle", folder.path / "elsewhere"), "grep does not find it")
    check(int(run("du", "-sb", folder.path / "elsewhere").split()[0]) > 30_000, "du counts too little")


def main():
    with Folder(options=["umask=022"]) as folder:
        source = folder.work / "source"
        source.mkdir()
        sample_tree(source)
        for program in (git, sqlite, make, editors):
            start = time.monotonic()
            program(folder)
            print(f"{program.__name__}: {time.monotonic() - start:.1f} s", flush=True)
        synced = rsync(folder, source)
        for program in (tar, zip_archive, copies_and_moves):
            start = time.monotonic()
            program(folder, source)
            print(f"{program.__name__}: {time.monotonic() - start:.1f} s", flush=True)
        remount(folder)
        again = run("rsync", "-aXi", f"{source}/", f"{synced}/")
        check(again == "", f"rsync after a remount moves something: {again}")
        run("git", "fsck", "--strict", cwd=folder.path / "clone")
        for mode in ("delete", "wal"):
            check(run("sqlite3", folder.path / f"{mode}.db", "pragma integrity_check").strip() == "ok", f"{mode}: damaged")
        shutil.rmtree(folder.path / "clone")
        shutil.rmtree(folder.path / "copied again")
        check("clone" not in os.listdir(folder.path), "what was removed is still there")


if __name__ == "__main__":
    sys.exit(main())
