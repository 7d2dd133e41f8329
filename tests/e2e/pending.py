#!/usr/bin/env python3
"""What cannot be brought to OSS is kept, shown with its reason, got out with rescue, and goes there once it can."""
import os
import resource
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


def many_wait(folder):
    """More files than a process may have descriptors wait for OSS."""
    descriptors, files = 160, 500
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, usual[1]))
    folder.mount("-o", "commit=background")
    resource.setrlimit(resource.RLIMIT_NOFILE, usual)
    folder.admin("POST", "/faults", {"operation": "PutObject", "latency_ms": 5000})
    for number in range(files):
        (folder.path / f"many-{number}").write_text(f"content {number}")
    waiting = folder.status()["pending"]["files"]
    print(f"{waiting} of {files} files wait, with {descriptors} descriptors")
    for number in range(files):
        check((folder.path / f"many-{number}").read_text() == f"content {number}", f"file {number} reads wrong")
    folder.admin("DELETE", "/faults")
    folder.stsfs("umount", str(folder.path))
    check(waiting > descriptors, "too few waited for the test to mean anything")


# "When an upload fails, close(2) says so. The data stays staged, is tried again with growing pauses, and stsfs status
# shows it with the reason until it is in OSS."
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
        many_wait(folder)
        folder.mount("-o", "state=other")
        check((folder.path / KEPT).read_text() == "precious", "it is not in OSS")
        for number in (0, 499):
            check((folder.path / f"many-{number}").read_text() == f"content {number}", f"file {number} is not in OSS")


if __name__ == "__main__":
    sys.exit(main())
