"""Runs a test where mounts are its own: as root, in a mount namespace that is private."""
import os
import subprocess
import sys

SKIPPED = 77
INSIDE = "STSFS_OWN_MOUNTS"


def unshare_again(wrapped=()):
    """Runs this program again in a namespace of its own, and ends with what that says; returns inside. `wrapped`: a
    command that runs the words after it."""
    if os.environ.get(INSIDE):
        return leave_others()
    if os.geteuid() != 0:
        print("skipped: only root can have mounts of its own")
        sys.exit(SKIPPED)
    done = subprocess.run([*wrapped, "unshare", "-m", "--propagation", "private", sys.executable, *sys.argv],
                          env=dict(os.environ, **{INSIDE: "1"}))
    sys.exit(done.returncode)


def leave_others():
    """A namespace begins with a copy of each mount. One of another test's would keep its daemon from ending when that
    unmounts it."""
    with open("/proc/self/mounts") as mounts:
        places = [line.split()[1] for line in mounts if line.split()[2].startswith("fuse.")]
    for place in places:
        subprocess.call(["umount", "-l", place.encode().decode("unicode_escape")], stderr=subprocess.DEVNULL)
