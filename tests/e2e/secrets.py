#!/usr/bin/env python3
"""No key, token or password in logs, output, `ps`, error messages or a forced core.

What is secret is read from where it is kept; then the folder is used, an upload fails, a login is refused, other programs
are given the credential, cores of the daemon, of the vending server and of `stsfs credentials --serve` are forced, and all
that was written is searched. Once in a flat bucket, and once in one with a hierarchical namespace.
"""
import os
import struct
import subprocess
import sys
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
            with urllib.request.urlopen(self.uri, timeout=10) as answer:
                check(answer.status == 200 and b"AccessKeySecret" in answer.read(), "no credential was served")
        try:
            urllib.request.urlopen(self.uri[:-4] + "xxxx", timeout=10).close()
            raise AssertionError("a wrong path was served")
        except urllib.error.HTTPError as error:
            (places / "refused-uri").write_bytes(error.read())

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


def core_of(pid, places, name):
    done = subprocess.run(["gcore", "-o", str(places / name), str(pid)], capture_output=True, text=True, timeout=120)
    (places / (name + ".gcore")).write_text(done.stdout + done.stderr)
    blank_registers(places / f"{name}.{pid}")


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


def search(hns):
    with Folder(ttl=600, options=["log_level=debug"], hns=hns) as folder:
        places = folder.work / "places"
        places.mkdir()
        server = Server(folder, places)
        try:
            server.use(places)
            secrets = canaries.secrets_of(folder)
            check(len(secrets) >= 5, f"found only {len(secrets)} secrets: this test would search for too little")
            secrets.append(server.secret)
            use(folder, places, hns)
            for name in ("STSFS", "VEND"):
                core_of(int(folder.values[name + "_PID"]), places, "core-" + name)
            core_of(server.process.pid, places, "core-serve")
            time.sleep(0.2)
        finally:
            server.stop()
        found = canaries.search(secrets, [places, *canaries.written_by(folder)])
        check(not found, found)


def main():
    for hns in (False, True):
        search(hns)


if __name__ == "__main__":
    sys.exit(main())
