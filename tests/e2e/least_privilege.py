#!/usr/bin/env python3
"""A mount with the policy that is shipped is refused nothing; without any one of its actions something is.

That nothing is refused is also what folder.py and tests/mount look at, each time that they take a mount down.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from bounds import wait_until
from servers import BIN, PASSWORD, Servers, check

BIG = 96 << 20  # far beyond what one PutObject takes: it goes up while it is being written


class Mount:
    """Alice's folder, mounted with a home of its own; `policy` instead of the shipped one."""

    def __init__(self, work, policy=None):
        self.work = work
        work.mkdir()
        folder = ""
        if policy is not None:
            (work / "policy.json").write_text(json.dumps(policy))
            folder = f'policy_file = "{work}/policy.json"'
        self.servers = Servers(work, folder)
        self.path = work / "cloud"
        self.path.mkdir()
        self.env = dict(os.environ)
        for name in ("STATE_HOME", "CACHE_HOME", "CONFIG_HOME", "RUNTIME_DIR"):
            (work / name).mkdir(mode=0o700)
            self.env["XDG_" + name] = str(work / name)
        self.stsfs("login", self.servers.url, "--user", "alice", "--password-stdin", input=PASSWORD + "\n")
        mounted = self.stsfs("mount", self.servers.url, str(self.path), "-o",
                             "metadata_timeout=10,commit_timeout=10", fails=True)
        self.mounted = mounted.returncode == 0
        self.daemon = json.loads(self.stsfs("status", "--json", str(self.path)).stdout)["pid"] if self.mounted else None

    def stsfs(self, *arguments, input=None, fails=False, timeout=120):
        done = subprocess.run([BIN / "stsfs", *arguments], input=input, text=True, capture_output=True, env=self.env,
                              timeout=timeout)
        self.servers.note(done.stdout + done.stderr, self.env["XDG_STATE_HOME"])
        check(fails or done.returncode == 0, f"stsfs {arguments}: {done.stdout}{done.stderr}")
        return done

    def denials(self):
        with urllib.request.urlopen(self.servers.admin + "/denials", timeout=120) as answer:
            return [denial["action"] + " " + denial["resource"] for denial in json.load(answer)["denials"]]

    def close(self):
        if os.path.ismount(self.path):
            # What was refused is tried again for as long as the daemon lives.
            os.kill(self.daemon, signal.SIGKILL)
            subprocess.run(["fusermount3", "-uz", str(self.path)], check=False)
        self.servers.stop()


def attempt(work):
    """True when it worked."""
    try:
        work()
        return True
    except OSError:
        return False


def abandon_upload(folder):
    """A large file that is removed while it goes up: its upload has to be called off."""
    chunk = os.urandom(1 << 20)
    with open(folder / "big", "wb") as file:
        for _ in range(BIG >> 20):
            file.write(chunk)
        time.sleep(1)  # parts are under way, and the upload has begun
        os.unlink(folder / "big")


def tag_elsewhere(admin):
    """Another client gives one of the files a tag."""
    url = f"{admin}/objects?bucket=examplebucket&key=users/alice/tagged"
    request = urllib.request.Request(url, b"text", {"x-oss-tagging": "colour=blue"}, method="PUT")
    urllib.request.urlopen(request, timeout=120).close()


def append(path):
    """What replaces an object brings its tags along."""
    with open(path, "a") as file:
        file.write("more")


def link(path):
    """A file with two names for a while, and one more that stays."""
    second, third = path.with_name("second"), path.with_name("third")
    os.link(path, second)
    os.link(path, third)
    with open(second, "a") as file:
        file.write("more")
        os.fsync(file.fileno())  # and the names are in OSS
    third.read_text()
    second.unlink()


def archive(path):
    path.write_text("old")
    os.setxattr(path, "user.oss.storage-class", b"Archive")
    with open(path, "r+") as file:
        os.fsync(file.fileno())  # changes of attributes are held back a little


def use(folder, admin):
    """What people do; goes on after a refusal."""
    tag_elsewhere(admin)
    deeds = [
        lambda: append(folder / "tagged"),
        lambda: archive(folder / "archived"),
        lambda: os.setxattr(folder / "archived", "user.oss.restore", b"1"),
        lambda: (folder / "file").write_text("text"),
        lambda: (folder / "directory").mkdir(),
        lambda: (folder / "directory/inner").write_text("inner"),
        lambda: (folder / "file").read_text(),
        lambda: os.listdir(folder),
        lambda: os.chmod(folder / "file", 0o600),
        lambda: link(folder / "file"),
        lambda: os.symlink("file", folder / "link"),
        lambda: os.readlink(folder / "link"),
        lambda: os.rename(folder / "file", folder / "renamed"),
        lambda: os.rename(folder / "directory", folder / "moved"),
        lambda: shutil.copyfile(folder / "renamed", folder / "copy"),
        lambda: (folder / "copy").unlink(),
        lambda: shutil.rmtree(folder / "moved"),
        lambda: abandon_upload(folder),
    ]
    return all([attempt(deed) for deed in deeds])


def wait_for_denial(mount, action):
    """Deletions and calls that end uploads go behind the journal: they are refused a little later."""
    wait_until(lambda: any(denial.startswith(action + " ") for denial in mount.denials()), 20, f"a mount to need {action}")


def shipped_policy():
    command = [BIN / "stsfs-vend", "policy", "session", "--bucket", "thebucket", "--prefix", "theprefix/${user}/",
               "--user", "theuser", "--plain-http"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(printed.replace("thebucket", "${bucket}").replace("theprefix/theuser/", "${prefix}"))


# "Nothing outside the prefix is read, listed or written."
def whole(work):
    mount = Mount(work / "whole")
    try:
        check(mount.mounted, "the mount failed")
        check(use(mount.path, mount.servers.admin), "something did not work")
        mount.stsfs("umount", str(mount.path))
        check(mount.denials() == [], f"refused: {mount.denials()}")
    finally:
        mount.close()


def without(work, policy, action):
    for statement in policy["Statement"]:
        statement["Action"] = [one for one in statement["Action"] if one != action]
    policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"]]
    mount = Mount(work / action.replace(":", "-"), policy)
    try:
        if mount.mounted:
            use(mount.path, mount.servers.admin)
        wait_for_denial(mount, action)
        # A policy of the operator's own may let access control lists be read: that is asked, once, of what was written
        # more than a moment ago.
        expected = (action + " ", "oss:GetObjectAcl ")
        others = [denial for denial in mount.denials() if not denial.startswith(expected)]
        check(others == [], f"without {action} also refused: {others}")
    finally:
        mount.close()


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="stsfs-rights-"))
    try:
        whole(work)
        for action in [action for statement in shipped_policy()["Statement"] for action in statement["Action"]]:
            without(work, shipped_policy(), action)
            print(f"without {action} a mount is refused something")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
