#!/usr/bin/env python3
"""The vending server away for half a lifetime: nothing fails. Away for longer: clear errors, then work goes on by itself."""
import os
import sys
import threading
import time

from folder import Folder, check, wait_until

TTL = 8
DEADLINE = 15  # more than an absence that nobody may notice, also on a busy machine


def works(folder, name):
    path = folder.path / name
    path.write_text(name)
    folder.stsfs("refresh", str(folder.path), wanted=None)
    return path.read_text() == name and name in os.listdir(folder.path)


def short_absence(folder):
    """The server comes back whatever the operations do meanwhile: what it hands out has up to half of its life behind
    it, so that one of them may have to wait for it."""
    folder.kill("VEND")
    back = threading.Timer(TTL / 2, folder.start_vend_again)
    back.start()
    end = time.monotonic() + TTL / 2 + TTL  # past the old credential's life: it must have been renewed
    count = 0
    try:
        while time.monotonic() < end:
            check(works(folder, f"short {count}"), "an operation read something else")
            count += 1
            time.sleep(0.05)
    finally:
        back.join()
    print(f"away for {TTL / 2} s: {count} rounds of operations, none failed")


def long_absence(folder):
    folder.kill("VEND")
    time.sleep(TTL + 2)
    start = time.monotonic()
    try:
        (folder.path / "not now").write_text("x")
        check(False, "a write without a credential was acknowledged")
    except OSError as error:
        waited = time.monotonic() - start
        print(f"away for longer than a lifetime: {error} after {waited:.1f} s")
        # Its opening and its close wait at most so long each; the rest is for a busy machine.
        check(waited < 3 * DEADLINE, f"waited {waited:.1f} s, past the deadline")
    status = folder.stsfs("status", str(folder.path))
    check("vend" in status.lower(), f"status does not say why: {status}")
    folder.start_vend_again()

    def back():
        try:
            return works(folder, "back again")
        except OSError:
            return False
    wait_until(back, 60, "work to go on by itself")


def main():
    with Folder(ttl=TTL, options=[f"metadata_timeout={DEADLINE}", f"commit_timeout={DEADLINE}"]) as folder:
        check(works(folder, "first"), "the mount does not work at all")
        short_absence(folder)
        long_absence(folder)


if __name__ == "__main__":
    sys.exit(main())
