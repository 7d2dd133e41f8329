#!/usr/bin/env python3
"""The power goes at any moment, and the state directory lies on a disk that then loses what was not synced, in part and
in any order. What was promised is there after the next mount, whole: with commit=close what was closed; with
commit=background what was closed a second before; with sync=close what was closed. Nothing is half written.
Large files only in a full run, with STSFS_TEST_FULL. The seed is printed; `power_loss.py MODE SEED ROUNDS` repeats a run."""
import os
import pathlib
import random
import subprocess
import sys
import uuid

import killed
from folder import Folder, check, wait_until
from lossy_disk import LossyDisk

OPTIONS = {"close": "commit=close", "background": "commit=background", "sync": "commit=background,sync=close"}
AT_ONCE = {"close": ("put", "large", "again", "rename", "change", "reopen"), "background": (),
           "sync": ("put", "large", "again", "rename", "change", "reopen", "remove")}
FULL = bool(os.environ.get("STSFS_TEST_FULL"))
KINDS = [kind for kind in killed.KINDS if FULL or kind != "large"]
CALLS_MAX = 150  # a mount takes some thirty, a small file three to ten, a large one hundreds


class Promises(killed.Expected):
    """What each name may hold after a loss of power: what was promised last, and whatever was done to it since."""

    def __init__(self, at_once):
        super().__init__()
        self.at_once = at_once
        self.since = {}  # name -> digests, None: absent
        self.touched = set()  # names that something was done to since all was promised
        self.contents = {}    # name -> what a file may hold that was only changed in place since

    def may_be(self, name):
        return self.since.get(name, {None})

    def edited(self, name, before, at):
        """Of changes in place that were not synced any may have reached the disk, as on every file system."""
        possible = self.contents.get(name, {before})
        self.contents[name] = possible | {killed.edit(content, at) for content in possible}
        self.since.setdefault(name, {self.acknowledged.get(name)}).update(map(killed.digest_of, self.contents[name]))

    def begin(self, name, digest, in_place=False):
        super().begin(name, digest)
        if not in_place:
            self.contents.pop(name, None)
        self.touched.add(name)
        self.since.setdefault(name, {self.acknowledged.get(name)}).add(digest)

    def end(self, name, digest):
        super().end(name, digest)
        # The old name of a renamed file goes as a removed one does.
        kind = "remove" if self.kind == "rename" and digest is None else self.kind
        if kind in self.at_once:
            self.since[name] = {digest}
            self.contents.pop(name, None)

    def promise_all(self):
        self.since = {name: {digest} for name, digest in self.acknowledged.items()}
        self.touched = set()
        self.contents = {}

    def names(self):
        return set(self.since)

    def step(self, random_, root, refused):
        self.kind = random_.choice([kind for kind in KINDS if not refused or kind != "rename"])  # that asks OSS at once
        killed.step(random_, self, root, self.kind)


def check_the_disk(disk, random_):
    """It loses what was not synced and nothing else: else this test would show nothing."""
    for synced in (True, False):
        path = disk.path / f"probe-{synced}"
        with open(path, "wb") as file:
            file.write(b"x" * 10_000)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        if synced:
            directory = os.open(disk.path, os.O_RDONLY)
            os.fsync(directory)
            os.close(directory)
    disk.say("watch")
    check(disk.unsynced() == ["/probe-False"], f"the disk says that these are not synced: {disk.unsynced()}")
    disk.say("cut 0 1 512 0 0")
    disk.restart()
    check((disk.path / "probe-True").read_bytes() == b"x" * 10_000, "the disk lost what was synced")
    lost = disk.path / "probe-False"
    check(not lost.exists() or lost.read_bytes() == b"", "the disk kept what was not synced")


class Rounds:
    def __init__(self, mode, random_, folder, disk):
        self.mode, self.random, self.folder, self.disk = mode, random_, folder, disk
        self.promises = Promises(AT_ONCE[mode])
        self.boot_id = folder.work / "boot_id"
        self.said = ""
        self.cut = 0      # while the daemon had something to do
        self.offered = 0  # to `stsfs rescue`

    def start_the_machine(self):
        self.boot_id.write_text(f"{uuid.UUID(int=self.random.getrandbits(128))}\n")

    def mount(self, state):
        orders = {"LD_PRELOAD": os.environ["STSFS_BOOT_ID"], "STSFS_BOOT_ID_FILE": str(self.boot_id)}
        done = killed.mount(self.folder, f"{OPTIONS[self.mode]},drain_timeout=2s,state={state}", orders)
        check(done.returncode == 0, f"{self.said}: the mount failed: {done.stderr}")

    def may_be(self, name):
        if name in self.promises.names():
            return self.promises.may_be(name)
        return self.promises.may_be(name.split(".conflict-")[0])  # both are kept where nobody can tell which is later

    def look(self, when):
        found = {path.name: killed.digest_of(path.read_bytes()) for path in self.folder.path.iterdir()}
        for name in self.promises.names() | set(found):
            check(found.get(name) in self.may_be(name),
                  f"{self.said}, {when}: {name} is {found.get(name)}, and may be {self.may_be(name)}")
        return found

    def work(self, state):
        refused = self.mode != "close" and self.random.random() < 0.6
        if refused:  # then all of it is in the journal only
            for operation in ("PutObject", "InitiateMultipartUpload"):
                self.folder.admin("POST", "/faults", {"operation": operation, "status": 403, "code": "AccessDenied"})
        for _ in range(self.random.randrange(12)):
            self.promises.step(self.random, self.folder.path, refused)
        self.disk.wait_until_synced(f".{state}/staging/")
        self.promises.promise_all()
        calls = self.random.randrange(1, CALLS_MAX)
        self.said += f": the power goes {self.disk.cut(self.random, calls)}{', OSS takes nothing' if refused else ''}"
        try:
            for _ in range(30):
                self.promises.step(self.random, self.folder.path, refused)
        except OSError:  # the daemon died, or had no disk in its last moment
            pass
        if self.alive():  # it did not make that many calls
            self.disk.cut(self.random, 0)
        else:
            self.cut += 1

    def alive(self):
        return subprocess.run([self.folder.STSFS, "status", str(self.folder.path)], env=self.folder.env,
                              capture_output=True, timeout=300).returncode == 0

    def one(self, number, seed):
        self.said = f"seed {seed}, round {number}"
        state = f"round{number}"
        self.start_the_machine()
        self.mount(state)
        self.work(state)
        if self.alive():
            self.folder.kill_daemon()
        self.disk.restart()
        self.folder.admin("DELETE", "/faults")
        self.start_the_machine()
        self.mount(state)
        self.look("as it was left")
        self.drain()
        self.mount(f"fresh{number}")  # nothing but what is in OSS
        found = self.look("in OSS")
        self.folder.stsfs("umount", str(self.folder.path))
        self.promises.acknowledged, self.promises.tried = found, {}
        self.promises.promise_all()

    def drain(self):
        """Only what was not promised may be left: bytes that the power took along are offered to `stsfs rescue`. That what
        was promised is there nevertheless, as after a rename of that moment, `look` has seen and sees again."""
        wait_until(lambda: self.pending()["files"] == 0, 120, "the rest to reach OSS")
        lost = self.lost()
        for name in lost:
            check(name in self.promises.touched, f"{self.said}: {name} was promised and is lost: {self.pending()}")
        self.offered += len(lost)
        self.folder.stsfs("umount", str(self.folder.path), wanted=32 if lost else 0)

    def pending(self):
        return self.folder.status()["pending"]

    def lost(self):
        pending = self.pending()
        lost = [file["path"] for file in pending["some"] if file["aside"]]
        check(len(lost) == pending["aside"], f"{self.said}: not all that is set aside is shown: {pending}")
        return lost


# "When the machine loses power, what was journalled more than a second before survives (with sync=close, all of it)."
def main():
    mode = sys.argv[1]
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 100 if FULL else 6
    print(f"seed {seed}, {rounds} rounds, {OPTIONS[mode]}", flush=True)
    random_ = random.Random(seed)
    folder = Folder(options=[OPTIONS[mode]])
    with LossyDisk(pathlib.Path(folder.env["XDG_STATE_HOME"])) as disk:
        check_the_disk(disk, random_)
        with folder:
            folder.stsfs("umount", str(folder.path))
            all_rounds = Rounds(mode, random_, folder, disk)
            for number in range(rounds):
                all_rounds.one(number, seed)
            print(f"the power went {all_rounds.cut} times at a call; {all_rounds.offered} files were offered to rescue")
            check(rounds < 50 or all_rounds.cut > rounds // 3, "it hardly ever did: the test shows nothing")


if __name__ == "__main__":
    sys.exit(main())
