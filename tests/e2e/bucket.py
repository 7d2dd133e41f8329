"""A bucket of a simulator of its own, mounted by its name with an AccessKey: no vending server."""
import json
import os
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

import canaries
from bounds import TooSlow, in_time
from servers import BIN, check

BUCKET = "examplebucket"
SOURCE = f"oss://{BUCKET}/team/docs"


class Bucket:
    def __init__(self, work, certificate=None):
        """`certificate`: PEM files WORK/NAME.crt and WORK/NAME.key: HTTPS."""
        self.work, self.path = work, work / "cloud"
        self.path.mkdir()
        self.env = dict(os.environ)
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            self.env.pop(name, None), self.env.pop(name.upper(), None)
        for name in ("STATE_HOME", "CACHE_HOME", "CONFIG_HOME", "RUNTIME_DIR"):
            (work / name).mkdir(mode=0o700)
            self.env["XDG_" + name] = str(work / name)
        tls = ["--tls-certificate", work / f"{certificate}.crt", "--tls-key", work / f"{certificate}.key"]
        out = work / "sim.out"
        with open(out, "wb") as file:
            self.sim = subprocess.Popen([BIN / "stsfs-sim", "--bucket", BUCKET, "--init-admin", work / "key.json",
                                         *(tls if certificate else [])], stdout=file, stderr=file)
        end = time.monotonic() + 60
        while "READY=" not in out.read_text():
            check(self.sim.poll() is None, f"no simulator: {out.read_text()}")
            in_time(time.monotonic() < end, f"no simulator: {out.read_text()}")
            time.sleep(0.05)
        values = dict(line.split("=", 1) for line in out.read_text().splitlines() if "=" in line)
        self.admin, self.port = values["ADMIN_ENDPOINT"], values["OSS_ENDPOINT"].rsplit(":", 1)[1]
        self.secrets = list(canaries.strings_in(json.loads((work / "key.json").read_text())))

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.mounted():
            self.stsfs("umount", self.path, wanted=None)
        if self.mounted():
            subprocess.call(["umount", "-l", self.path])
        canaries.write_ps(self.work / "ps", BIN)
        logs = [*self.work.glob("*.out"), *self.work.glob("STATE_HOME/stsfs/*.log"), self.work / "said"]
        found = canaries.search(self.secrets, [self.work / "ps", *[log for log in logs if log.exists()]])
        self.sim.terminate()
        self.sim.wait(20)
        if error is not None:
            for log in logs:
                print(f"--- {log.name}", log.read_text(errors="replace")[-3000:] if log.exists() else "", sep="\n")
        told = error is not None and not isinstance(error, TooSlow)
        check(told or not found, f"secrets were written: {found}")

    def mounted(self):
        return subprocess.call(["mountpoint", "-q", self.path]) == 0

    def stsfs(self, *arguments, wanted=0):
        """What it said, on both streams."""
        done = subprocess.run([BIN / "stsfs", *arguments], env=self.env, text=True, timeout=120, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        with open(self.work / "said", "a") as said:
            said.write(done.stdout)
        check(wanted is None or (done.returncode != 0 if wanted == "failure" else done.returncode == wanted),
              f"stsfs {arguments}: exit {done.returncode}, wanted {wanted}: {done.stdout}")
        return done.stdout

    def mount(self, *options, wanted=0):
        return self.stsfs("mount", SOURCE, self.path, "-o", ",".join(
            (f"credentials_file={self.work}/key.json,region=cn-hangzhou", *options)), wanted=wanted)

    def umount(self):
        self.stsfs("umount", self.path)

    # --- what is in the bucket, by the simulator itself ---

    def ask(self, path, **query):
        with urllib.request.urlopen(f"{self.admin}{path}?{urllib.parse.urlencode(query)}", timeout=60) as answer:
            return answer.read()

    def keys(self):
        listed = json.loads(self.ask("/objects", bucket=BUCKET))["objects"]
        return sorted(one["key"] for one in listed)

    def content(self, key):
        return self.ask("/objects/content", bucket=BUCKET, key=key)


def exercise(bucket, *options):
    """Mounted so, it is used. Files are written, listed, renamed and read back, also by the next mount; each byte is compared, in OSS too."""
    names = {"empty": b"", "note.txt": b"hello\n", "100% of a+b & ?c=d.txt": b"odd" * 99, "信 ☕.bin": os.urandom(700_001),
             "large": os.urandom(9 << 20)}
    bucket.mount(*options)
    (bucket.path / "letters/2026").mkdir(parents=True)
    for name, text in names.items():
        (bucket.path / "letters" / name).write_bytes(text)
    check(sorted(os.listdir(bucket.path / "letters")) == sorted([*names, "2026"]), os.listdir(bucket.path / "letters"))
    for name in names:
        os.rename(bucket.path / "letters" / name, bucket.path / "letters/2026" / name)
    compare(bucket, names)
    bucket.umount()
    shutil.rmtree(bucket.work / "CACHE_HOME")
    bucket.mount(*options)
    compare(bucket, names)
    with open(bucket.path / "letters/2026/large", "rb") as file:
        file.seek(5_000_001)
        check(file.read(4096) == names["large"][5_000_001:5_000_001 + 4096], "a range reads differently")
    for name in names:
        os.unlink(bucket.path / "letters/2026" / name)
    for directory in ("letters/2026", "letters"):
        os.rmdir(bucket.path / directory)
    bucket.umount()
    check(bucket.keys() == [], f"left over: {bucket.keys()}")


def compare(bucket, names):
    check(os.listdir(bucket.path / "letters") == ["2026"], os.listdir(bucket.path / "letters"))
    check(sorted(os.listdir(bucket.path / "letters/2026")) == sorted(names), os.listdir(bucket.path / "letters/2026"))
    for name, text in names.items():
        check((bucket.path / "letters/2026" / name).read_bytes() == text, f"{name} reads differently")
        check(bucket.content(f"team/docs/letters/2026/{name}") == text, f"{name} is different in OSS")
