#!/usr/bin/env python3
"""The daemon killed at any call that moves bytes to a disk or a socket, at each kind of them in turn and at random: what
was acknowledged is there after the next mount, nothing is half written, nothing is left over.
The seed is printed; `killed.py MODE SEED ROUNDS` repeats a run."""
import errno
import hashlib
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request

from folder import Folder, check

CALLS_MAX = 400
CALLS = ["pwrite", "step", "send", "recv", "sync", "unlink"]
MIB = 1 << 20
PREFIX = "users/alice/"


class Expected:
    """What each name may hold: what was last acknowledged, and what was being done to it when the daemon died."""

    def __init__(self):
        self.acknowledged = {}  # name -> digest
        self.tried = {}         # name -> digests, None: absent

    def may_be(self, name):
        return {self.acknowledged.get(name)} | self.tried.get(name, set())

    def begin(self, name, digest, in_place=False):
        self.tried.setdefault(name, set()).add(digest)

    def end(self, name, digest):
        self.tried.pop(name, None)
        if digest is None:
            self.acknowledged.pop(name, None)
        else:
            self.acknowledged[name] = digest

    def edited(self, name, before, at):
        """Four bytes are about to change in place."""

    def names(self):
        return set(self.acknowledged) | set(self.tried)


def digest_of(content):
    return hashlib.sha256(content).hexdigest()


def edit(content, at):
    return content[:at] + b"EDIT" + content[at + 4:]


def put(expected, path, content):
    digest = digest_of(content)
    expected.begin(path.name, digest)
    if not expected.acknowledged.get(path.name):
        expected.begin(path.name, None)
    with open(path, "wb") as file:
        file.write(content)
    expected.end(path.name, digest)


def change(random_, expected, path, writes):
    """Each write changes four bytes in place; what was closed before is there until all of them are closed."""
    content = path.read_bytes()
    if len(content) < 10:
        return
    places = [random_.randrange(len(content) - 4) // 4 * 4 for _ in range(writes)]  # no block of a disk ends in one
    for at in places:
        expected.edited(path.name, content, at)
        content = edit(content, at)
    digest = digest_of(content)
    expected.begin(path.name, digest, in_place=True)
    with open(path, "r+b", buffering=0) as file:
        for at in places:
            file.seek(at)
            file.write(b"EDIT")
    expected.end(path.name, digest)


KINDS = ["put", "put", "put", "large", "again", "rename", "remove", "change", "reopen"]


def step(random_, expected, root, kind):
    names = sorted(expected.acknowledged)
    if kind in ("again", "rename", "remove", "change") and not names:
        kind = "put"
    if kind == "put":
        put(expected, root / f"f{random_.randrange(40)}", random_.randbytes(random_.randrange(20_000)))
    elif kind == "large":
        put(expected, root / f"large{random_.randrange(3)}", random_.randbytes(random_.choice([17, 26, 40]) * MIB))
    elif kind == "again":
        put(expected, root / random_.choice(names), random_.randbytes(random_.randrange(5_000)))
    elif kind == "rename":
        old = random_.choice(names)
        new = f"renamed{random_.randrange(10)}"
        digest = expected.acknowledged[old]
        expected.begin(old, None), expected.begin(new, digest)
        os.rename(root / old, root / new)
        expected.end(old, None), expected.end(new, digest)
    elif kind == "remove":
        name = random_.choice(names)
        expected.begin(name, None)
        os.unlink(root / name)
        expected.end(name, None)
    elif kind == "reopen":
        path = root / f"f{random_.randrange(40)}"
        put(expected, path, random_.randbytes(random_.randrange(20_000)))
        change(random_, expected, path, 2)
    else:
        change(random_, expected, root / random_.choice(names), 1)


def mount(folder, options, orders):
    environment = dict(folder.env, **orders)
    return subprocess.run([folder.STSFS, "mount", folder.VEND_URL, str(folder.path), "-o", options], env=environment,
                          text=True, timeout=300, capture_output=True)


def mount_whole(folder, options):
    done = mount(folder, options, {})
    check(done.returncode == 0, f"the mount after the kill failed: {done.stderr}")


def work_until_killed(random_, expected, folder, begins_large):
    try:
        for i in range(500):
            step(random_, expected, folder.path, "large" if begins_large and i == 0 else random_.choice(KINDS))
    except OSError as error:
        check(error.errno in (errno.ENOTCONN, errno.ECONNABORTED), f"an operation failed with the daemon alive: {error}")
        return True
    return False


def look(expected, folder, said):
    judge(expected, {path.name: digest_of(path.read_bytes()) for path in folder.path.iterdir()}, said)


def look_in_bucket(expected, folder, seen, said):
    """Nothing but what is in OSS. `seen` are digests by size and CRC-64."""
    found = {}
    for one in folder.admin("GET", f"/objects?bucket={folder.BUCKET}&prefix={PREFIX}")["objects"]:
        name, content = one["key"].removeprefix(PREFIX), (one["size"], one["crc64"])
        if content not in seen:
            with urllib.request.urlopen(f"{folder.ADMIN_ENDPOINT}/objects/content?bucket={folder.BUCKET}&key={PREFIX}{name}",
                                        timeout=120) as answer:
                seen[content] = digest_of(answer.read())
        found[name] = seen[content]
    found.pop("", None)  # the folder itself
    judge(expected, found, said)


def judge(expected, found, said):
    """Everything is as it was acknowledged; what is found becomes what is known."""
    for name in expected.names():
        check(found.get(name) in expected.may_be(name),
              f"{said}: {name} is {found.get(name)}, acknowledged was {expected.acknowledged.get(name)}, "
              f"tried {expected.tried.get(name)}")
    for name in found:
        check(name in expected.names(), f"{said}: {name} came from nowhere")
    expected.acknowledged, expected.tried = found, {}


def noted_uploads(folder):
    """The ids that stand in the journals of a daemon that is dead; of copies, so that theirs stay as it left them."""
    noted = set()
    for journal in pathlib.Path(folder.env["XDG_STATE_HOME"]).rglob("journal.db"):
        with tempfile.TemporaryDirectory() as copies:
            for file in journal.parent.glob("journal.db*"):
                shutil.copy(file, copies)
            database = sqlite3.connect(pathlib.Path(copies) / journal.name)
            noted |= {id_ for id_, in database.execute("SELECT upload_id FROM uploads")}
            database.close()
    return noted


def nothing_left(folder, noted, said):
    """`noted`: the uploads that the journal had when the daemon died, with a part or without."""
    left = [str(path) for path in pathlib.Path(folder.env["XDG_STATE_HOME"]).rglob("file-*")]
    check(not left, f"{said}: staged files are left over: {left}")
    # Of one without a part the daemon may not have noted the id yet.
    uploads = [upload for upload in folder.admin("GET", f"/objects?bucket={folder.BUCKET}")["uploads"]
               if upload["parts"] or upload["upload_id"] in noted]
    check(not uploads, f"{said}: uploads are left behind: {uploads}")


def orders_of(round_, random_, armed):
    """When to die: at the first call of each kind, then at the second, …; every third time at a drawn one."""
    orders = {"LD_PRELOAD": os.environ["STSFS_KILL_AT"], "KILL_ARMED": str(armed)}
    in_turn, which = round_ // 3 * 2 + round_ % 3, round_ % 3
    if which < 2:
        orders |= {"KILL_KIND": CALLS[in_turn % len(CALLS)], "KILL_AT": str(1 + in_turn // len(CALLS))}
    else:
        orders |= {"KILL_AT": str(random_.randrange(1, CALLS_MAX))}
    if random_.random() < 0.5:
        orders["KILL_AFTER"] = "1"
    return orders


def in_words(orders):
    when = "after" if "KILL_AFTER" in orders else "before"
    return f"killed {when} {orders.get('KILL_KIND', 'any call')} number {orders['KILL_AT']}"


# "If the daemon itself is killed, nothing is lost of what close(2) or fsync(2) acknowledged."
def main():
    mode = sys.argv[1]
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 150 if os.environ.get("STSFS_TEST_FULL") else 36
    print(f"seed {seed}, {rounds} rounds, commit={mode}", flush=True)
    random_ = random.Random(seed)
    expected, seen = Expected(), {}
    options = f"commit={mode}"
    killed = uploads = 0
    with Folder(options=[options]) as folder:
        folder.stsfs("umount", str(folder.path))
        armed = folder.work / "armed"
        for round_ in range(rounds):
            orders = orders_of(round_, random_, armed)
            said = f"seed {seed}, round {round_}, {in_words(orders)}"
            done = mount(folder, options, orders)
            check(done.returncode == 0, f"{said}: the mount failed: {done.stderr}")
            armed.touch()
            # A drawn call is mostly one of an upload in parts then.
            if work_until_killed(random_, expected, folder, begins_large="KILL_KIND" not in orders):
                killed += 1
            else:
                folder.kill_daemon()
            armed.unlink()
            noted = noted_uploads(folder)
            uploads += len(noted)
            mount_whole(folder, options)
            look(expected, folder, said)
            folder.stsfs("umount", str(folder.path))  # waits until all is in OSS
            nothing_left(folder, noted, said)
            look_in_bucket(expected, folder, seen, said)
        mount_whole(folder, options + ",state=fresh")
        look(expected, folder, f"seed {seed}, another machine")
        folder.stsfs("umount", str(folder.path))
    print(f"killed {killed} times while working, with {uploads} uploads under way")
    check(killed > rounds * 3 // 4, "the daemon hardly ever died while it worked: the test shows nothing")


if __name__ == "__main__":
    sys.exit(main())
