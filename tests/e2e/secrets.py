#!/usr/bin/env python3
"""No key, token or password in logs, output, `ps`, error messages or a forced core.

What is secret is read from where it is kept; then the folder is used, an upload fails, a login is refused, cores of the
daemon and of the vending server are forced, and all that was written is searched.
"""
import struct
import subprocess
import sys
import time

import canaries
from folder import Folder, check


def use(folder, places):
    def keep(name, text):
        (places / name).write_text(text)
    (folder.path / "a file").write_text("contents")
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


def main():
    with Folder(ttl=600, options=["log_level=debug"]) as folder:
        places = folder.work / "places"
        places.mkdir()
        secrets = canaries.secrets_of(folder)
        check(len(secrets) >= 5, f"found only {len(secrets)} secrets: this test would search for too little")
        use(folder, places)
        for name in ("STSFS", "VEND"):
            core_of(int(folder.values[name + "_PID"]), places, "core-" + name)
        time.sleep(0.2)
        found = canaries.search(secrets, [places, *canaries.written_by(folder)])
        check(not found, found)


if __name__ == "__main__":
    sys.exit(main())
