#!/usr/bin/env python3
"""The units of systemd that are installed, run by a user instance of systemd, as one does at each login.

As root, in a mount namespace of its own: there it may look as if systemd had booted the machine, which is all that a user
instance asks for. HOME and the runtime directory are the test's.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import urllib.request

from folder import Folder, check, wait_until
from own_mounts import INSIDE, SKIPPED, unshare_again

MANAGER = "/lib/systemd/systemd"
UNITS = ("stsfs@cloud", "stsfs-credentials")


class OwnCgroup:
    """systemd takes the whole of the hierarchy that it sees, with every process in it: it must see its own part only."""

    PLACE = pathlib.Path("/sys/fs/cgroup/systemd")  # of version 1; where there is none, version 2 is at the root

    def __init__(self):
        above = self.PLACE if self.PLACE.is_dir() else self.PLACE.parent
        self.path = above / f"stsfs-at-login-{os.getpid()}"

    def __enter__(self):
        self.path.mkdir()
        # The words that come after are run in it, and see it as the root.
        return ["sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec unshare -C "$@"', "sh"]

    def __exit__(self, *ignored):
        wait_until(self.is_removed, 60, "the test's processes to be gone")

    def is_removed(self):
        """It cannot be while somebody is in it."""
        try:
            for path in sorted(self.path.rglob("*"), reverse=True):
                if path.is_dir():
                    path.rmdir()
            self.path.rmdir()
            return True
        except OSError:
            return False

    @classmethod
    def show_alone(cls):
        """Inside: in place of every hierarchy of the machine the one part."""
        version_1 = cls.PLACE.is_dir()
        subprocess.run(["mount", "-t", "tmpfs", "none", "/sys/fs/cgroup"], check=True)
        if version_1:
            cls.PLACE.mkdir()
            subprocess.run(["mount", "-t", "cgroup", "-o", "none,name=systemd", "none", str(cls.PLACE)], check=True)
        else:
            subprocess.run(["mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"], check=True)


class Session:
    """What is there from a login to a logout: the user's systemd."""

    def __init__(self, folder):
        self.folder, self.home = folder, folder.work / "home"
        self.env = dict(folder.env, HOME=str(self.home))
        for name in ("DBUS_SESSION_BUS_ADDRESS", "NOTIFY_SOCKET"):
            self.env.pop(name, None)
        self.manager = None

    def login(self):
        self.manager = subprocess.Popen([MANAGER, "--user"], env=self.env, stdin=subprocess.DEVNULL)
        return self.is_up()

    def is_up(self):
        """False when a user instance cannot run here, which is no fault of ours."""
        bus = pathlib.Path(self.env["XDG_RUNTIME_DIR"]) / "systemd" / "private"
        try:
            wait_until(lambda: bus.exists() or self.manager.poll() is not None, 30, "systemd to come up")
            wait_until(lambda: self.ctl("is-system-running", "--wait", wanted=None).strip() in ("running", "degraded"),
                       30, "systemd to run")
        except AssertionError:
            return False
        return self.manager.poll() is None

    def is_active(self, unit):
        return self.ctl("is-active", unit, wanted=None).strip() == "active"

    def shown(self, unit, what):
        return self.ctl("show", "-p", what, "--value", unit).strip()

    def logout(self):
        if self.manager and self.manager.poll() is None:
            self.manager.send_signal(signal.SIGTERM)
            self.manager.wait(120)
        self.manager = None

    def ctl(self, *arguments, wanted=0):
        done = subprocess.run(["systemctl", "--user", "--no-pager", *arguments], env=self.env, text=True, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check(wanted is None or done.returncode == wanted,
              f"systemctl {' '.join(arguments)}: exit {done.returncode}: {done.stdout}")
        return done.stdout


def install(folder, session):
    """The installed units, with the program where it is now, and what their first lines say to do."""
    units = pathlib.Path(folder.env["XDG_CONFIG_HOME"]) / "systemd" / "user"
    units.mkdir(parents=True)
    build = pathlib.Path(folder.STSFS).parent.parent
    for unit in (build / "systemd" / "user").glob("*.service"):
        text = unit.read_text()
        program = text.split("ExecStart=")[1].split()[0]
        (units / unit.name).write_text(text.replace(program, folder.STSFS))
    settings = pathlib.Path(folder.env["XDG_CONFIG_HOME"]) / "stsfs"
    settings.mkdir(exist_ok=True)
    for name in ("cloud.env", "credentials.env"):
        (settings / name).write_text(f"SOURCE={folder.VEND_URL}\n")
    mount_point = session.home / "cloud"
    mount_point.mkdir(parents=True)
    return mount_point


def is_mounted(path):
    return subprocess.call(["mountpoint", "-q", str(path)]) == 0


def the_folder(folder, session, cloud):
    session.ctl("enable", "--now", "stsfs@cloud")  # returns when it is mounted: Type=notify
    check(is_mounted(cloud), "systemd said that it had started, and nothing is mounted")
    (cloud / "file").write_text("by a unit")
    said = session.ctl("status", "stsfs@cloud")
    check("mounted at" in said, f"the unit does not say what it does: {said}")
    session.ctl("reload", "stsfs@cloud")
    before = session.shown("stsfs@cloud", "MainPID")
    session.ctl("kill", "-s", "KILL", "stsfs@cloud")
    # 0 until there is another one; asked in this order, since the dead one counts as active for a moment.
    wait_until(lambda: session.shown("stsfs@cloud", "MainPID") not in ("0", before) and
               session.is_active("stsfs@cloud"), 90, "another daemon after a kill")
    check((cloud / "file").read_text() == "by a unit", "the file is not there after a kill")
    session.ctl("stop", "stsfs@cloud")
    check(not is_mounted(cloud), "stopped, and still mounted")


def the_credentials(folder, session):
    session.ctl("enable", "--now", "stsfs-credentials")
    url = (pathlib.Path(folder.env["XDG_RUNTIME_DIR"]) / "stsfs" / "credentials-uri").read_text().strip()
    with urllib.request.urlopen(url, timeout=120) as answer:
        credential = json.load(answer)
    check(credential["AccessKeyId"].startswith("STS."), "the credentials URI does not give a credential")


def the_next_login(folder, session, cloud):
    """Enabled once, both are there after each login; also when the server is away at that moment."""
    session.logout()
    check(not is_mounted(cloud), "mounted after the logout")
    folder.kill("VEND")
    check(session.login(), "systemd did not come up a second time")
    for unit in UNITS:
        wait_until(lambda: session.shown(unit, "SubState") == "auto-restart", 60, f"a start of {unit} that fails")
    folder.start_vend_again()
    wait_until(lambda: is_mounted(cloud), 90, "the folder, once the server is back")
    check((cloud / "file").read_text() == "by a unit", "another folder")
    wait_until(lambda: session.is_active("stsfs-credentials"), 90, "the credentials URI, once the server is back")
    session.logout()
    check(not is_mounted(cloud), "mounted after the second logout")


def main():
    if not os.path.exists(MANAGER):
        print("skipped: there is no systemd")
        return SKIPPED
    if os.geteuid() == 0 and not os.environ.get(INSIDE):
        with OwnCgroup() as wrapped:
            unshare_again(wrapped)
    unshare_again()
    OwnCgroup.show_alone()
    os.makedirs("/run/systemd", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run/systemd"], check=True)
    os.mkdir("/run/systemd/system")
    with Folder() as folder:
        folder.stsfs("umount", str(folder.path))
        session = Session(folder)
        cloud = install(folder, session)
        try:
            if not session.login():
                print("skipped: no user instance of systemd can run here")
                return SKIPPED
            the_folder(folder, session, cloud)
            the_credentials(folder, session)
            the_next_login(folder, session, cloud)
        finally:
            session.logout()
            subprocess.call(["umount", "-l", str(cloud)], stderr=subprocess.DEVNULL)
    print("a folder and a credentials URI at login, over a kill, and at a login without a server: all hold")


if __name__ == "__main__":
    sys.exit(main())
