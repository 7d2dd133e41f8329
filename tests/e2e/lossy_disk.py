"""The disk of tests/lossy_disk, driven by a test."""
import os
import subprocess

from bounds import TooSlow
from folder import check, wait_until


class LossyDisk:
    """Mounted at `path` while it is entered. From a cut to `restart` every call on it fails."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.process = subprocess.Popen([os.environ["STSFS_LOSSY_DISK"], str(self.path)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        check(self.process.stdout.readline() == "mounted\n", f"no lossy disk at {self.path}")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:  # somebody still has a file open on it
            self.process.kill()
            self.process.wait(10)
        return False

    def say(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def cut(self, random_, calls):
        """The power goes at that call; 0: now. How much is lost, and in which pieces, is drawn. Returns that in words."""
        seed, unit = random_.randrange(1 << 32), random_.choice([512, 4096])
        survival, in_order = random_.choice([0, 50, 90, 100]), random_.randrange(2)
        check(self.say(f"cut {calls} {seed} {unit} {survival} {in_order}") == "ordered", "the disk takes no orders")
        return f"at call {calls}, {survival} % of units of {unit} bytes survive, names in order: {in_order}"

    def restart(self):
        check(self.say("restart") == "mounted", "the disk does not come back")

    def wait_until_synced(self, below):
        """Nothing that was written below that directory until now is endangered any more. How long it takes is the
        machine's business: a second, when it is idle."""
        self.say("watch")
        try:
            wait_until(lambda: not self.unsynced(below), 60, "everything to be on the disk")
        except TooSlow as error:
            raise TooSlow(f"{error}; not there: {self.unsynced(below)}") from None

    def unsynced(self, below=""):
        """What of it has bytes to lose: an empty file may wait to be used again, and the reserve holds but space."""
        return [path for path in self.say("unsynced").split()
                if below in path and not path.endswith("/reserve") and self.size(path)]

    def size(self, path):
        try:
            return os.path.getsize(f"{self.path}{path}")
        except FileNotFoundError:
            return 0
