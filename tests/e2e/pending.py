#!/usr/bin/env python3
"""What cannot be brought to OSS is kept, shown with its reason, got out with rescue, and goes there once it can."""
import os
import sys

from folder import Folder, check, wait_until

KEPT = "kept.txt"


def refuse_writes(folder):
    for operation in ("PutObject", "InitiateMultipartUpload"):
        folder.admin("POST", "/faults", {"operation": operation, "status": 403, "code": "AccessDenied"})


def close_fails(folder):
    try:
        (folder.path / KEPT).write_text("precious")
        check(False, "a close was acknowledged although OSS refused the file")
    except OSError as error:
        print(f"close says: {error}")
    check((folder.path / KEPT).read_text() == "precious", "the mount does not show what it keeps")
    status = folder.status()
    check(status["pending"]["files"] == 1, f"status: {status['pending']}")
    check("AccessDenied" in str(status["pending"]), f"status does not say why: {status['pending']}")


def rescue_shows_it(folder):
    listed = folder.stsfs("rescue")
    check(KEPT in listed, f"rescue does not list it: {listed}")
    target = folder.work / "rescued"
    folder.stsfs("rescue", str(target))
    found = [path.read_text() for path in target.rglob(KEPT)]
    check(found == ["precious"], f"rescued was {found}")


def main():
    with Folder(options=["drain_timeout=1s"]) as folder:
        folder.stsfs("rescue", wanted=0)
        refuse_writes(folder)
        close_fails(folder)
        rescue_shows_it(folder)
        said = folder.stsfs("umount", str(folder.path), wanted=32)
        check("1 change not in OSS" in said, f"umount does not say what is left: {said}")
        rescue_shows_it(folder)  # without a daemon, too; the first copy is not overwritten
        folder.mount()
        check(KEPT in os.listdir(folder.path), "the next mount does not show it")
        folder.admin("DELETE", "/faults")
        wait_until(lambda: folder.status()["pending"]["files"] == 0, 90, "the file to reach OSS")
        check("everything is in OSS" in folder.stsfs("rescue"), "rescue still lists it")
        folder.stsfs("umount", str(folder.path))
        folder.mount("-o", "state=other")
        check((folder.path / KEPT).read_text() == "precious", "it is not in OSS")


if __name__ == "__main__":
    sys.exit(main())
