#!/usr/bin/env python3
"""No key, token or password in logs, output, `ps`, error messages or a forced core.

What is secret is read from where it is kept; then the folder is used, an upload fails, a login is refused, other programs
are given the credential, cores of the daemon, of the vending server and of `stsfs credentials --serve` are forced, and all
that was written is searched. Once in a flat bucket, and once in one with a hierarchical namespace.

A core as a crash would write it holds nothing at all. One that overrides what the programs have set holds their memory,
and yet no password, login token or AccessKeySecret; the security token only where requests are under way. One is taken
while files are written and credentials renewed.
"""
import os
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import canaries
from folder import Folder, check, wait_until


def use(folder, places, hns):
    def keep(name, text):
        (places / name).write_text(text)
    (folder.path / "a file").write_text("contents")
    names(folder, hns)
    keep("status", folder.stsfs("status", str(folder.path)))
    keep("status.json", folder.stsfs("status", "--json", str(folder.path)))
    keep("refused-login", folder.stsfs("login", folder.VEND_URL, "--user", "alice", "--password-stdin", wanted=None,
                                       input="not the password\n"))
    folder.admin("POST", "/faults", {"operation": "PutObject", "status": 403, "code": "AccessDenied", "count": 3})
    try:
        (folder.path / "denied").write_text("x")
    except OSError as error:
        keep("denied", str(error))
    folder.admin("DELETE", "/faults")
    keep("ps", subprocess.check_output(["ps", "axeww", "-o", "pid,args"], text=True))
    keep("second-mount", folder.stsfs("mount", folder.VEND_URL, str(folder.path), wanted=None))


def names(folder, hns):
    """Renames of trees, and a file with two names: their keys and contents take other ways to OSS."""
    tree = folder.path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "below" / "file").write_text("contents")
    if not hns:  # such a bucket has no symbolic links, so that no file can have two names
        os.link(tree / "below" / "file", folder.path / "second name")
    tree.rename(folder.path / "moved")
    (folder.path / "empty").mkdir()
    (folder.path / "empty").rmdir()
    folder.stsfs("drain", str(folder.path))
    names_there = [folder.path / "moved" / "below" / "file", *folder.path.glob("second name")]
    check(len(names_there) == 2 - hns, f"a name is missing: {names_there}")
    check({name.read_text() for name in names_there} == {"contents"}, "a name holds something else")


class Server:
    """`stsfs credentials --serve`, as it gives the credential to another program."""

    def __init__(self, folder, places):
        uri_file = folder.work / "uri"
        self.log = open(places / "serve.log", "wb")
        self.process = subprocess.Popen([folder.STSFS, "credentials", folder.VEND_URL, "--serve", "--uri-file", uri_file],
                                        env=folder.env, stdout=subprocess.DEVNULL, stderr=self.log)
        wait_until(lambda: uri_file.exists() and uri_file.read_text().strip(), 60, "the credentials URI")
        self.uri = uri_file.read_text().strip()
        self.secret = self.uri.rsplit("/", 1)[1]

    def use(self, places):
        for _ in range(3):
            with urllib.request.urlopen(self.uri, timeout=60) as answer:
                check(answer.status == 200 and b"AccessKeySecret" in answer.read(), "no credential was served")
        try:
            urllib.request.urlopen(self.uri[:-4] + "xxxx", timeout=60).close()
            raise AssertionError("a wrong path was served")
        except urllib.error.HTTPError as error:
            (places / "refused-uri").write_bytes(error.read())

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


# The programs' own settings, which gdb heeds, or their memory all the same, but for what they have advised against.
HEEDED, OVERRIDDEN = "on", "off"


def core_of(pid, places, name, filter):
    core = places / f"{name}-{filter}"
    done = subprocess.run(["gdb", "--nx", "--batch", "--readnever", "-iex", "set debuginfod enabled off",
                           "-ex", f"set use-coredump-filter {filter}", "-ex", f"attach {pid}", "-ex", f"gcore {core}",
                           "-ex", "detach"], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    (places / (core.name + ".gdb")).write_text(done.stdout + done.stderr)
    check(core.exists(), f"no core of {name}: {done.stdout}{done.stderr}")
    blank_registers(core)
    return core


def search_core(secrets, pid, places, name, known):
    """Cores are large: one at a time. `known` is no secret: where it is found, a secret would be as well."""
    for filter in (HEEDED, OVERRIDDEN):
        core = core_of(pid, places, name, filter)
        try:
            found = canaries.search(secrets, [core])
            check(not found, f"{core.name}: {found}")
            has_memory = canaries.search([known], [core]) != ""
            check(has_memory == (filter == OVERRIDDEN), f"{core.name}: memory is there: {has_memory}")
        finally:
            core.unlink()


def blank_registers(core):
    """What a thread copied last stays in its vector registers until it copies again, and no program clears those: the
    notes of a core, which hold them, are not searched. Whatever memory is in it is; the programs let none be."""
    kind_note, entry = 4, struct.Struct("<IIQQQQQQ")
    with open(core, "r+b") as file:
        head = file.read(64)
        check(head[:4] == b"\x7fELF", f"{core.name} is no core file")
        (table,), (count,) = struct.unpack_from("<Q", head, 32), struct.unpack_from("<H", head, 56)
        file.seek(table)
        headers = [entry.unpack(file.read(entry.size)) for _ in range(count)]
        notes = [(offset, size) for kind, _, offset, _, _, size, _, _ in headers if kind == kind_note]
        check(notes, f"{core.name} has no notes: no thread was stopped for it")
        for offset, size in notes:
            file.seek(offset)
            file.write(bytes(size))


class Writers:
    """Some threads that write files of the folder again and again."""

    def __init__(self, folder):
        self.ended, self.written, self.failed = threading.Event(), 0, []
        self.threads = [threading.Thread(target=self.write, args=(folder.path / f"busy {number}",)) for number in range(4)]
        for thread in self.threads:
            thread.start()

    def write(self, path):
        try:
            while not self.ended.is_set():
                path.write_bytes(os.urandom(10_000))
                path.read_bytes()
                self.written += 1
        except OSError as error:
            self.failed.append(error)

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def cores(folder, places, server):
    """In the quiet. A connection that was just answered is given a moment to be put away."""
    time.sleep(0.5)
    secrets = [*canaries.secrets_of(folder), server.secret]
    search_core(secrets, folder.STSFS_PID, places, "core-STSFS", str(folder.path))
    search_core(secrets, folder.VEND_PID, places, "core-VEND", str(folder.STATE_DIR))
    search_core(secrets, server.process.pid, places, "core-serve", folder.VEND_URL)


def search(hns):
    with Folder(ttl=600, options=["log_level=debug"], hns=hns) as folder:
        places = folder.work / "places"
        places.mkdir()
        server = Server(folder, places)
        try:
            server.use(places)
            use(folder, places, hns)
            cores(folder, places, server)
        finally:
            server.stop()
        secrets = [*canaries.secrets_of(folder), server.secret]
        check(len(secrets) >= 6, f"found only {len(secrets)} secrets: this test would search for too little")
        found = canaries.search(secrets, [places, *canaries.written_by(folder)])
        check(not found, found)


def found_when_busy(folder, places, name):
    core = core_of(folder.values[name + "_PID"], places, f"core-{name}-busy", OVERRIDDEN)
    try:
        return canaries.search(canaries.long_lived(folder), [core])
    finally:
        core.unlink()


def under_load():
    """Security tokens are in the headers of requests under way; what lives longer is in no core even now. But for the
    moment of a renewal, which has the login token in its request and a new AccessKeySecret in its answer: what stays is
    found three times in a row.
    """
    with Folder(ttl=3) as folder:
        places = folder.work / "places"
        places.mkdir()
        writers = Writers(folder)
        try:
            for _ in range(2):
                renewals = folder.status()["credential"]["renewals"]
                wait_until(lambda: folder.status()["credential"]["renewals"] > renewals, 30, "a renewal")
                for name in ("STSFS", "VEND"):
                    found = [found_when_busy(folder, places, name)]
                    while found[-1] and len(found) < 3:
                        found.append(found_when_busy(folder, places, name))
                    check(not found[-1], found)
        finally:
            writers.stop()
        check(writers.written > 100 and not writers.failed, f"{writers.written} files, {writers.failed}")


def main():
    for hns in (False, True):
        search(hns)
    under_load()


if __name__ == "__main__":
    sys.exit(main())
