#!/usr/bin/env python3
"""Mounts as a machine does them: by lines of a real /etc/fstab, by a person who is not root, by a unit of systemd.

As root, in a mount namespace of its own, so that nothing of this machine is touched: there /etc/fstab is ours,
/usr/sbin/mount.stsfs is there, and /dev/fuse is open to every user, as Debian has it.
"""
import os
import pathlib
import pwd
import shutil
import stat
import subprocess
import sys

from folder import Folder, check
from own_mounts import unshare_again

USER = "stsfstest"


def sh(command, user=None, wanted=0, env=None):
    words = ["bash", "-c", command]
    if user is not None:
        words = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *words]
        env = {"HOME": user.pw_dir, "USER": user.pw_name, "PATH": os.environ["PATH"]}
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, env=env)
    check(wanted is None or done.returncode == wanted,
          f"{command}: exit {done.returncode}, wanted {wanted}: {done.stdout}")
    return done.stdout


def set_the_stage(folder, user):
    """Binds over what a machine with stsfs installed has."""
    stage = folder.work / "stage"
    (stage / "sbin").mkdir(parents=True)
    shutil.copy(folder.STSFS, stage / "stsfs")
    (stage / "sbin" / "mount.stsfs").symlink_to(stage / "stsfs")
    os.mknod(stage / "fuse", stat.S_IFCHR | 0o666, os.makedev(10, 229))
    os.chmod(stage / "fuse", 0o666)
    for path in (folder.work, stage):
        path.chmod(0o755)
    everybody, own = folder.work / "everybody", pathlib.Path(user.pw_dir) / "cloud"
    everybody.mkdir()
    sh(f"mkdir -p {own}", user)
    (stage / "fstab").write_text(
        f"{folder.VEND_URL}  {everybody}  stsfs  _netdev,nofail,allow_other,uid={USER},gid={USER},state=boot,"
        f"vend_user=alice,password_command=/bin/cat\\040{folder.STATE_DIR}/password  0  0\n"
        f"{folder.VEND_URL}  {own}  stsfs  user,noauto,_netdev  0  0\n")
    sh(f"mount --bind {stage}/fuse /dev/fuse && mount --bind {stage}/fstab /etc/fstab && "
       f"mount -t overlay overlay -o lowerdir={stage}/sbin:/usr/sbin /usr/sbin")
    return stage, everybody, own


def at_boot(folder, everybody, user):
    """`mount -a`, with nobody logged in: the password comes from a program."""
    shutil.rmtree(pathlib.Path(folder.env["XDG_STATE_HOME"]) / "stsfs" / "tokens")
    sh("mount -a -O _netdev -t stsfs", env=folder.env)
    sh(f"echo boot > {everybody}/file && cat {everybody}/file && test -O {everybody}/file", user)
    sh(f"mount {everybody}", wanted=32, env=folder.env)  # it is mounted
    sh(f"umount {everybody}", env=folder.env)
    sh(f"mount {everybody} && cat {everybody}/file && umount {everybody}", env=folder.env)


def by_a_person(folder, own, user):
    """`mount ~/cloud` and `umount ~/cloud` by who is not root."""
    stage = folder.work / "stage"
    login = f"{stage}/stsfs login {folder.VEND_URL} --user alice --password-stdin"
    password = (pathlib.Path(folder.STATE_DIR) / "password").read_text()
    words = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "bash", "-c", login]
    subprocess.run(words, input=password, text=True, check=True, timeout=300, stdout=subprocess.DEVNULL,
                   env={"HOME": user.pw_dir, "PATH": os.environ["PATH"]})
    sh(f"mount {own} && echo mine > {own}/mine && cat {own}/mine && {stage}/stsfs status {own} && umount {own}", user)
    sh(f"{stage}/stsfs mount {folder.VEND_URL} {own} && grep -q mine {own}/mine", user)
    check(subprocess.run(["ls", str(own)], capture_output=True).returncode != 0, "root sees into a person's mount")
    sh(f"fusermount3 -u {own}", user)


def units(folder):
    """What is installed, with the program where it is now, passes systemd's own check."""
    if shutil.which("systemd-analyze") is None:
        return print("no systemd-analyze: the units were not checked")
    build = pathlib.Path(folder.STSFS).parent.parent
    place = folder.work / "units"
    place.mkdir()
    for unit in (build / "systemd").glob("*/*.service"):
        text = unit.read_text()
        program = text.split("ExecStart=")[1].split()[0]
        here = pathlib.Path(folder.STSFS).parent / pathlib.Path(program).name
        (place / unit.name).write_text(text.replace(program, str(here)))
    names = sorted(path.name for path in place.iterdir())
    check(names == ["stsfs-credentials.service", "stsfs-vend.service", "stsfs@.service"], f"the three units, not {names}")
    (place / "stsfs@cloud.service").symlink_to(place / "stsfs@.service")
    analyze(folder, "--user", "verify", place / "stsfs@cloud.service", place / "stsfs-credentials.service")
    analyze(folder, "verify", place / "stsfs-vend.service")
    # What its sandbox leaves open, of 100: it has to reach the network, and not much else.
    analyze(folder, "security", "--offline=true", "--threshold=20", place / "stsfs-vend.service")


def analyze(folder, *arguments):
    done = subprocess.run(["systemd-analyze", "--man=no", "--no-pager", *map(str, arguments)], text=True,
                          capture_output=True, env=dict(folder.env, HOME=str(folder.work)))
    check(done.returncode == 0, f"systemd-analyze {arguments}: {done.stdout}{done.stderr}")


def main():
    unshare_again()
    with Folder() as folder:
        folder.stsfs("umount", str(folder.path))
        units(folder)
        made = subprocess.call(["id", USER], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) != 0
        if made:
            sh(f"useradd --create-home {USER}")
        user = pwd.getpwnam(USER)
        try:
            _, everybody, own = set_the_stage(folder, user)
            at_boot(folder, everybody, user)
            by_a_person(folder, own, user)
        finally:
            for place in (folder.work / "everybody", pathlib.Path(user.pw_dir) / "cloud"):
                subprocess.call(["umount", "-l", str(place)], stderr=subprocess.DEVNULL)
            sh("umount /usr/sbin; umount /etc/fstab; umount /dev/fuse", wanted=None)
            if made:
                sh(f"userdel --remove {USER}", wanted=None)
    print("fstab at boot, fstab by a person, a mount by who is not root, units: all hold")


if __name__ == "__main__":
    sys.exit(main())
