#!/usr/bin/env python3
"""The vending server away for half a lifetime: nothing fails. Away for longer: clear errors, soon after long ones at once,
and nothing that was written is lost; then work goes on by itself."""
import errno
import os
import sys
import threading
import time

from bounds import in_time
from folder import Folder, check, wait_until

TTL = 8
DEADLINE = 15  # more than an absence that nobody may notice, also on a busy machine


def works(folder, name):
    path = folder.path / name
    path.write_text(name)
    folder.stsfs("refresh", str(folder.path), wanted=None)
    return path.read_text() == name and name in os.listdir(folder.path)


# "Credentials renew themselves in the background. While the vending server is away the present one is used until it
# expires."
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


def refused(what):
    """How long an operation took to say that there is no credential."""
    start = time.monotonic()
    try:
        what()
    except OSError as error:
        check(error.errno == errno.EACCES, f"not the error of stsfs(7): {error}")
        return time.monotonic() - start
    raise AssertionError("it was acknowledged without a credential")


# "After that operations wait for another one until their deadline, and then fail with EACCES." "One attempt at a
# renewal is made after another with growing pauses … work goes on by itself once the server is back."
def long_absence(folder):
    files = [open(folder.path / f"written {i}", "w") for i in range(5)]
    folder.kill("VEND")
    before = folder.status()["credential"]["failures"]
    time.sleep(TTL + 2)
    waited = refused(lambda: (folder.path / "not now").write_text("x"))
    print(f"away for longer than a lifetime: refused after {waited:.1f} s")
    # Its opening and its close wait at most so long each; the rest is for a busy machine.
    in_time(waited < 3 * DEADLINE, f"waited {waited:.1f} s, past the deadline")
    time.sleep(DEADLINE)  # renewal has failed for longer than an operation may take
    slowest = 0
    for i, file in enumerate(files):
        file.write(f"text {i}")
        slowest = max(slowest, refused(file.close), refused((folder.path / "first").read_text))
    print(f"and after a deadline of that: within {slowest:.1f} s each")
    in_time(slowest < DEADLINE / 2, f"an operation still waited {slowest:.1f} s")
    status = folder.stsfs("status", str(folder.path))
    check("PROBLEM" in status and folder.VEND_URL.rstrip("/") in status and "check the address" in status,
          f"status does not say what is wrong, where, and what to do: {status}")
    asked = folder.status()["credential"]["failures"] - before
    folder.start_vend_again()
    print(f"{asked} attempts at a renewal meanwhile")
    check(asked < 60, f"{asked} attempts are a storm")

    def back():
        try:
            return works(folder, "back again")
        except OSError:
            return False
    wait_until(back, 60, "work to go on by itself")
    folder.stsfs("drain", str(folder.path))
    for i in range(5):
        check((folder.path / f"written {i}").read_text() == f"text {i}", "what was written meanwhile is lost")


def main():
    with Folder(ttl=TTL, options=[f"metadata_timeout={DEADLINE}", f"commit_timeout={DEADLINE}"]) as folder:
        check(works(folder, "first"), "the mount does not work at all")
        short_absence(folder)
        long_absence(folder)


if __name__ == "__main__":
    sys.exit(main())
