"""s3fs or rclone at stsfs-sim's S3-compatible surface: what goes in comes out, also after a cold start.

Usage: peers.py s3fs|rclone|rclone-mount [path|virtual]    STSFS_BUILD names the build directory.
Ends with 77 when the peer is not installed.
"""

import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

SCAN = pathlib.Path(__file__).resolve().parents[2] / "canary" / "scan.py"
BUCKET = "bucket"
NAMES = {
    "empty": 0,
    "one": 1,
    "large": 30 << 20,
    "with blank": 100,
    "100% + plus": 101,
    "中文 文件.txt": 102,
    **{f"many/{i:02}": 4096 for i in range(50)},
}


def check(held, what):
    if not held:
        raise AssertionError(what)


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, **options)
    check(done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def fill(root):
    numbers = random.Random(7)
    for name, size in NAMES.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(numbers.randbytes(size))


def sums(root):
    """Checksums by relative name; a link as where it points."""
    out = {}
    for folder, _, names in os.walk(root):
        for name in names:
            file = pathlib.Path(folder, name)
            text = os.readlink(file).encode() if file.is_symlink() else file.read_bytes()
            out[str(file.relative_to(root))] = hashlib.sha256(text).hexdigest()
    return out


def same(left, right, what):
    check(left == right, f"{what}: {sorted(set(left.items()) ^ set(right.items()))[:6]}")


class Simulator:
    def __init__(self, place):
        program = pathlib.Path(os.environ.get("STSFS_BUILD", "build/dev"), "bin/stsfs-sim")
        key_file = place / "admin.json"
        self.log = place / "simulator.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([program, "--bucket", BUCKET, "--init-admin", key_file],
                                            stdout=subprocess.PIPE, stderr=log, text=True)
        self.values = {}
        for line in self.process.stdout:
            name, _, value = line.strip().partition("=")
            self.values[name] = value
            if name == "READY":
                break
        check("READY" in self.values, "stsfs-sim did not start")
        key = json.loads(key_file.read_text())
        self.id, self.secret = key["AccessKeyId"], key["AccessKeySecret"]
        self.endpoint = self.values["OSS_ENDPOINT"]

    def end(self):
        self.process.terminate()
        self.process.wait(20)
        secrets = self.log.with_name("secrets")
        secrets.write_text(self.secret)
        run(sys.executable, SCAN, secrets, self.log)


class Mount:
    """A program in the foreground that serves `point`."""

    def __init__(self, point, command, log, **options):
        self.point = point
        point.mkdir(exist_ok=True)
        self.log = log
        self.process = subprocess.Popen(command, stdout=log.open("ab"), stderr=subprocess.STDOUT, **options)
        for _ in range(200):
            if os.path.ismount(point):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.end()
        raise AssertionError(f"no mount: {log.read_text(errors='replace')[-2000:]}")

    def end(self):
        for option in ("-u", "-z"):
            command = ["fusermount3", "-u", self.point] if option == "-u" else ["fusermount3", "-u", "-z", self.point]
            for _ in range(40 if option == "-u" else 1):
                if self.process.poll() is not None and not os.path.ismount(self.point):
                    return
                subprocess.run(command, stderr=subprocess.DEVNULL, check=False)
                try:
                    self.process.wait(0.25)
                except subprocess.TimeoutExpired:
                    pass
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class S3fs:
    links = True
    renames_folders = True

    def __init__(self, simulator, place, style):
        self.place = place
        self.key_file = place / "s3fs.key"
        self.key_file.touch(mode=0o600)
        self.key_file.write_text(f"{simulator.id}:{simulator.secret}\n")
        self.options = (f"passwd_file={self.key_file},endpoint=cn-hangzhou,sigv4,enable_noobj_cache,"
                        "multipart_size=10,parallel_count=8,multireq_max=20")
        url = simulator.endpoint
        if style == "path":
            self.options += ",use_path_request_style"
        else:
            url = url.replace("127.0.0.1", "localhost")  # bucket.localhost is this machine too
        self.options += f",url={url}"

    def mount(self):
        return Mount(self.place / "mnt", ["s3fs", BUCKET, self.place / "mnt", "-f", "-o", self.options],
                     self.place / "mount.log")


class Rclone:
    links = False
    renames_folders = False  # 1.60 asks for the old keys of what it has in its cache

    def __init__(self, simulator, place, style):
        self.place = place
        # No resolver knows bucket.oss.example, so the simulator is the proxy for it.
        endpoint = simulator.endpoint if style == "path" else "http://oss.example"
        # The AWS SDK in rclone takes AWS_* to heart: a CA bundle alone keeps it from starting.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))}
        self.environment = dict(
            inherited, RCLONE_CONFIG="/dev/null", RCLONE_CONFIG_PEER_TYPE="s3",
            RCLONE_CONFIG_PEER_PROVIDER="Alibaba" if style == "virtual" else "Other",
            RCLONE_CONFIG_PEER_ENDPOINT=endpoint, RCLONE_CONFIG_PEER_REGION="cn-hangzhou",
            RCLONE_CONFIG_PEER_ACCESS_KEY_ID=simulator.id,
            RCLONE_CONFIG_PEER_SECRET_ACCESS_KEY=simulator.secret,
            RCLONE_CONFIG_PEER_FORCE_PATH_STYLE="true" if style == "path" else "false",
            RCLONE_CONFIG_PEER_LIST_VERSION="2" if style == "virtual" else "1",
            RCLONE_CONFIG_PEER_UPLOAD_CUTOFF="16M", RCLONE_CONFIG_PEER_CHUNK_SIZE="8M",
            RCLONE_CONFIG_PEER_NO_CHECK_BUCKET="true", RCLONE_LOW_LEVEL_RETRIES="1", RCLONE_RETRIES="1",
            RCLONE_CACHE_DIR=str(place / "cache"))
        if style == "virtual":
            self.environment.update(http_proxy=simulator.endpoint, no_proxy="")

    def __call__(self, *words):
        return run("rclone", *words, env=self.environment)

    def mount(self):
        shutil.rmtree(self.place / "cache", ignore_errors=True)
        return Mount(self.place / "mnt",
                     ["rclone", "mount", f"peer:{BUCKET}", self.place / "mnt", "--vfs-cache-mode", "writes",
                      "--vfs-write-back", "0s"], self.place / "mount.log", env=self.environment)


def through_a_mount(peer, place):
    source = place / "source"
    fill(source)
    mount = peer.mount()
    try:
        top = mount.point / "top"
        run("cp", "-r", source, top)
        same(sums(source), sums(top), "what was copied")
        for tree in (source, top):
            os.rename(tree / "one", tree / "one renamed")
            os.rename(tree / "large", tree / "larger")
            if peer.renames_folders:
                os.rename(tree / "many", tree / "more")
            else:
                shutil.move(tree / "many/49", tree / "many/50")
            many = tree / ("more" if peer.renames_folders else "many")
            with open(many / "00", "ab") as file:
                file.write(b"appended")
            if peer.links:
                os.chmod(tree / "empty", 0o640)
                os.symlink("with blank", tree / "link")
            # Times set behind the close would meet rclone's upload under way, which it then gives up.
            shutil.copytree(many, tree / "gone", copy_function=shutil.copyfile)
            shutil.rmtree(tree / "gone")
        same(sums(source), sums(top), "what was changed")
    finally:
        mount.end()
    mount = peer.mount()
    try:
        top = mount.point / "top"
        same(sums(source), sums(top), "what a cold mount sees")
        if peer.links:
            check((top / "empty").stat().st_mode & 0o777 == 0o640, "the mode is lost")
        check(not (top / "gone").exists(), "what was removed is there")
        shutil.rmtree(top)
        check(not top.exists(), "the tree outlived its removal")
    finally:
        mount.end()


def by_command(rclone, place):
    source, back = place / "source", place / "back"
    fill(source)
    there = f"peer:{BUCKET}/top"
    rclone("copy", source, there)
    rclone("check", "--download", source, there)
    rclone("check", source, there)
    rclone("copy", there, back)
    same(sums(source), sums(back), "what came back")
    listed = {entry["Path"]: entry["Size"] for entry in json.loads(rclone("lsjson", "-R", "--files-only", there))}
    same(listed, NAMES, "what lsjson says")
    rclone("deletefile", f"{there}/empty")
    rclone("moveto", f"{there}/one", f"{there}/moved 中")
    rclone("moveto", f"{there}/large", f"{there}/larger")
    (source / "empty").unlink()
    (source / "one").rename(source / "moved 中")
    (source / "large").rename(source / "larger")
    rclone("check", "--download", source, there)
    (source / "many/00").write_bytes(b"changed")
    (source / "many/01").unlink()
    rclone("sync", source, there)
    rclone("check", source, there)
    check("many" not in rclone("lsf", f"peer:{BUCKET}"), "a folder at the top that nobody made")
    rclone("purge", there)
    check(rclone("lsf", "-R", f"peer:{BUCKET}") == "", "the purge left something")


def main():
    what, style = sys.argv[1], (sys.argv[2:] or ["path"])[0]
    if shutil.which(what.split("-")[0]) is None or shutil.which("fusermount3") is None:
        return 77
    place = pathlib.Path(tempfile.mkdtemp(prefix="stsfs-peers-"))
    try:
        simulator = Simulator(place)
        try:
            peer = (S3fs if what == "s3fs" else Rclone)(simulator, place, style)
            by_command(peer, place) if what == "rclone" else through_a_mount(peer, place)
        finally:
            simulator.end()
    finally:
        if not os.path.ismount(place / "mnt"):
            shutil.rmtree(place, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
