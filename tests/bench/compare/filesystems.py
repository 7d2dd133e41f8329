"""The filesystems that are compared, and how each is mounted with its best documented options."""

import os
import pathlib
import shutil
import subprocess
import time

import processes
from processes import Failed
from server import BUCKET, REGION

# A daemon that says nothing for so long has stored what it will store (rclone writes back after 1 s, stsfs after 0.3 s).
QUIET_SECONDS = 2.5


class Mounted:
    """A filesystem while it is mounted. `end` whatever happens: it takes mount and processes away."""

    def __init__(self, point, command, log, environment=None, seconds=30):
        self.point = pathlib.Path(point)
        self.point.mkdir(parents=True, exist_ok=True)
        self.log = log
        known = processes.children_of(os.getpid())
        self.process = processes.begin(command, log, environment)
        until = time.monotonic() + seconds
        try:
            while not os.path.ismount(self.point):
                if self.process.poll() not in (None, 0):
                    raise Failed(f"no mount: {self.last_words()}")
                if time.monotonic() > until:
                    raise Failed(f"no mount within {seconds} s: {self.last_words()}")
                time.sleep(0.01)
        except BaseException:
            self.pids = processes.children_of(os.getpid()) - known | {self.process.pid}
            self.end()
            raise
        # The daemon itself, or what it forked into the background and we adopted.
        self.pids = processes.children_of(os.getpid()) - known

    def last_words(self):
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def end(self, seconds=60):
        """Unmounts and waits until the daemon has stored what it has; by force when it takes too long."""
        until = time.monotonic() + seconds
        while os.path.ismount(self.point) and time.monotonic() < until:
            if subprocess.run(["fusermount3", "-u", self.point], stderr=subprocess.DEVNULL, check=False).returncode != 0:
                time.sleep(0.1)
                if not self._lives():
                    break
        while self._lives() and time.monotonic() < until:
            time.sleep(0.02)
        if os.path.ismount(self.point):
            subprocess.run(["fusermount3", "-u", "-z", self.point], stderr=subprocess.DEVNULL, check=False)
        processes.end(self.pids)

    def _lives(self):
        self.process.poll()
        processes.reap()
        return any(os.path.exists(f"/proc/{pid}") for pid in self.pids)


class Filesystem:
    """`mount` gives a Mounted; what it keeps on disk lies in `home`, which is emptied before a cold start."""

    name = ""
    stored_at_close = True  # what close and fsync acknowledge is on the server

    def __init__(self, server, home):
        self.server = server
        self.home = home

    def forget(self):
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True, mode=0o700)

    def missing(self):
        """Why it cannot be run here; None when it can."""
        program = self.command("x", self.home / "mnt")[0]
        return None if shutil.which(str(program)) else f"{program} is not installed"

    def command(self, prefix, point):
        raise NotImplementedError

    def environment(self):
        return None

    def mount(self, prefix):
        point = self.home / "mnt"
        return Mounted(point, self.command(prefix, point), self.home / "mount.log", self.environment())


class Stsfs(Filesystem):
    def __init__(self, server, home, program, commit, options=""):
        super().__init__(server, home)
        self.program, self.commit, self.options = program, commit, options
        self.stored_at_close = commit == "close"
        self.name = "stsfs" if commit == "close" else f"stsfs-{commit}"

    def command(self, prefix, point):
        options = (f"endpoint={self.server.endpoint},region={REGION},credentials=static,"
                   f"credentials_file={self.server.key_file},commit={self.commit},log_level=warning")
        options += f",{self.options}" if self.options else ""
        return [self.program, "mount", "-f", f"oss://{BUCKET}/{prefix}", point, "-o", options]

    def environment(self):
        places = {f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in ("STATE", "CACHE", "CONFIG")}
        run = self.home / "run"
        run.mkdir(exist_ok=True, mode=0o700)
        return dict(os.environ, XDG_RUNTIME_DIR=str(run), **places)


class S3fs(Filesystem):
    name = "s3fs"

    def command(self, prefix, point):
        key_file = self.home / "s3fs.key"
        if self.home.exists():
            key_file.touch(mode=0o600)
            key_file.write_text(f"{self.server.id}:{self.server.secret}\n")
        options = (f"passwd_file={key_file},url={self.server.endpoint},endpoint={REGION},sigv4,use_path_request_style,"
                   f"enable_noobj_cache,multipart_size=10,parallel_count=8,multireq_max=20,tmpdir={self.home}")
        return ["s3fs", f"{BUCKET}:/{prefix}", point, "-f", "-o", options]


class Rclone(Filesystem):
    name = "rclone"
    stored_at_close = False

    def command(self, prefix, point):
        return ["rclone", "mount", f"peer:{BUCKET}/{prefix}", point, "--vfs-cache-mode", "full", "--vfs-write-back", "1s",
                "--use-server-modtime", "--transfers", "16", "--dir-cache-time", "5m"]

    def environment(self):
        # The AWS SDK in it takes AWS_* to heart: a CA bundle alone keeps it from starting.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))}
        settings = {
            "TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": self.server.endpoint, "REGION": REGION,
            "ACCESS_KEY_ID": self.server.id, "SECRET_ACCESS_KEY": self.server.secret, "FORCE_PATH_STYLE": "true",
            "LIST_VERSION": "2", "CHUNK_SIZE": "8M", "UPLOAD_CONCURRENCY": "8", "NO_CHECK_BUCKET": "true"}
        return dict(kept, RCLONE_CONFIG="/dev/null", RCLONE_CACHE_DIR=str(self.home / "cache"),
                    **{f"RCLONE_CONFIG_PEER_{name}": value for name, value in settings.items()})


class ByCommand(Filesystem):
    """Any other, by its command line. Credentials are in its environment, under the names of AWS and of OSS, and as
    ID:SECRET in the file {passwd}."""

    stored_at_close = False

    def __init__(self, server, home, name, template):
        super().__init__(server, home)
        self.name, self.template = name, template

    def missing(self):
        return None  # a shell runs it, and says what it lacks

    def command(self, prefix, point):
        passwd = self.home / "passwd"
        passwd.touch(mode=0o600)
        passwd.write_text(f"{self.server.id}:{self.server.secret}\n")
        cache = self.home / "cache"
        cache.mkdir(exist_ok=True)
        words = {"endpoint": self.server.endpoint, "bucket": BUCKET, "prefix": prefix, "mountpoint": point,
                 "cache": cache, "passwd": passwd}
        return ["sh", "-c", "exec " + self.template.format(**words)]

    def environment(self):
        return dict(os.environ, AWS_ACCESS_KEY_ID=self.server.id, AWS_SECRET_ACCESS_KEY=self.server.secret,
                    AWS_DEFAULT_REGION=REGION, OSS_ACCESS_KEY_ID=self.server.id, OSS_ACCESS_KEY_SECRET=self.server.secret)


class PassThrough(Filesystem):
    """The ceiling of FUSE: a directory of tmpfs behind a filesystem that does nothing but pass on."""

    name = "passthrough"

    def __init__(self, server, home, program):
        super().__init__(server, home)
        self.program = program

    def command(self, prefix, point):
        return [self.program, self.server.root / prefix, point]
