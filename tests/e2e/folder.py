"""A mounted folder with its cloud and vending server, brought up by scripts/demo.sh as a person would.

Programs come from the build tree in STSFS_BUILD. Everything lies under one temporary directory and is taken down
and unmounted whatever happens.
"""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request

import canaries
from bounds import TooSlow, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEMO = ROOT / "scripts" / "demo.sh"


def check(condition, message):
    """Fails the test with what was seen."""
    if not condition:
        raise AssertionError(message)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


class Folder:
    def __init__(self, ttl=3600, options=(), hns=False):
        self.ttl, self.options = ttl, options
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="stsfs-e2e-"))
        self.path = self.work / "cloud"
        self.path.mkdir()
        self.env = dict(os.environ, STSFS_DEMO_TTL=str(ttl), TMPDIR=str(self.work))
        if hns:
            self.env["STSFS_DEMO_HNS"] = "1"
        for name in ("STATE_HOME", "CACHE_HOME", "CONFIG_HOME", "RUNTIME_DIR"):
            directory = self.work / name.lower()
            directory.mkdir(mode=0o700)
            self.env["XDG_" + name] = str(directory)
        self.values, self.tokens, self.said = {}, {}, self.work / "said"
        self.said.touch()

    def __enter__(self):
        arguments = [str(DEMO), "--up", str(self.path)]
        if self.options:
            arguments += ["--", "-o", ",".join(self.options)]
        # Its servers keep running: only its own output is waited for, in a file.
        with open(self.work / "up.out", "w+") as out, open(self.work / "up.err", "w+") as err:
            status = subprocess.call(arguments, stdout=out, stderr=err, env=self.env, timeout=120)
            out.seek(0), err.seek(0)
            text, errors = out.read(), err.read()
        if status != 0:
            self.__exit__(None, None, None)
            raise AssertionError(f"demo.sh --up failed with {status}:\n{text}\n{errors}")
        self.values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        self.note_tokens()
        return self

    def __exit__(self, kind, error, trace):
        # What was too slow is run once more: what is wrong beside that must not be forgotten for it.
        found, denied, told = self.found(), [], error is not None and not isinstance(error, TooSlow)
        if error is not None:
            self.show_logs()
            print(found, file=sys.stderr)
        if not told and self.values:
            denied = self.denials()
        subprocess.call([str(DEMO), "--down", str(self.path)], env=self.env, timeout=120,
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if subprocess.call(["mountpoint", "-q", str(self.path)]) == 0:
            subprocess.call(["umount", "-l", str(self.path)])
        shutil.rmtree(self.work, ignore_errors=True)
        check(not found or told, f"secrets were written: {found}")
        check(not denied, f"the shipped policy does not allow what a mount asks for: {denied}")
        return False

    def found(self):
        """Secrets that were written where none may be, in words; a search that failed, too."""
        if not self.values:
            return ""
        try:
            self.note_tokens()
            return canaries.search(canaries.secrets_of(self), canaries.written_by(self))
        except (AssertionError, OSError, ValueError) as problem:
            return f"the search failed: {problem!r}"

    def note_tokens(self):
        """Those of now: a logout or a renewal takes them away."""
        self.tokens.update(dict.fromkeys(canaries.login_tokens(self.env["XDG_STATE_HOME"])))

    def denials(self):
        """What the simulator refused because a policy said so; empty too when it is gone."""
        try:
            return self.admin("GET", "/denials")["denials"]
        except OSError:
            return []

    def __getattr__(self, name):
        """OSS_ENDPOINT, VEND_URL, … as demo.sh printed them."""
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def show_logs(self):
        if subprocess.call(["mountpoint", "-q", str(self.path)]) == 0 or not os.path.isdir(self.path):
            subprocess.call(["umount", "-l", str(self.path)])  # also of a daemon that is dead
        for path in sorted(self.work.rglob("*.log")):
            text = path.read_text(errors="replace").splitlines()[-30:]
            print(f"--- {path.name}", *text, sep="\n", file=sys.stderr)

    # --- the program ---

    def stsfs(self, *arguments, wanted=0, **kwargs):
        """Runs stsfs; returns what it printed on stdout and stderr together."""
        done = subprocess.run([self.STSFS, *arguments], env=self.env, text=True, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kwargs)
        self.note_tokens()
        if arguments[0] != "credentials":  # which is there to print one
            with open(self.said, "a") as said:
                said.write(done.stdout)
        check(wanted is None or done.returncode == wanted,
              f"stsfs {' '.join(arguments)}: exit {done.returncode}, wanted {wanted}: {done.stdout}")
        return done.stdout

    def status(self):
        return json.loads(self.stsfs("status", "--json", str(self.path)))

    def mount(self, *arguments):
        return self.stsfs("mount", self.VEND_URL, str(self.path), *arguments)

    def kill_daemon(self):
        """KILL to the daemon of now, which need not be the one that demo.sh started."""
        self.values["STSFS_PID"] = str(self.status()["pid"])
        self.kill("STSFS")

    # --- the simulator's admin port ---

    def admin(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.ADMIN_ENDPOINT + path, data=data, method=method,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    # --- processes, by pid ---

    def kill(self, name, number=signal.SIGKILL):
        """Ends SIM, VEND or STSFS and waits until it is gone."""
        pid = int(self.values[name + "_PID"])
        os.kill(pid, number)
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists() or
                   pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z",
                   30, f"{name} to end")

    def start_vend_again(self):
        """The vending server on the same port with the same files."""
        state = pathlib.Path(self.STATE_DIR)
        port = self.VEND_URL.rsplit(":", 1)[1].strip("/")
        config = (state / "vend.toml").read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}")
        (state / "vend-again.toml").write_text(config)
        with open(state / "vend-again.log", "a") as log:
            process = subprocess.Popen([str(pathlib.Path(self.STSFS).parent / "stsfs-vend"), "serve", "--config",
                                        str(state / "vend-again.toml")], stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL, env=self.env, start_new_session=True)
        self.values["VEND_PID"] = str(process.pid)
        # --down ends the server that its environment file names.
        env_file = state / "env"
        lines = [line for line in env_file.read_text().splitlines() if not line.startswith("VEND_PID=")]
        env_file.write_text("\n".join(lines + [f"VEND_PID={process.pid}"]) + "\n")
