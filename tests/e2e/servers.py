"""A simulated cloud and a vending server, as programs on ports of their own, and requests to them."""
import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.request

import canaries
from bounds import in_time

BIN = pathlib.Path(os.environ["STSFS_BUILD"]) / "bin"
PASSWORD = "canary <pass> & \"word\""
given = {}  # tokens and codes that servers gave; a dict for its order


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def remember(answer):
    for name in ("token", "device_code", "access_token"):
        if isinstance(answer, dict) and answer.get(name):
            given[answer[name]] = True
    return answer


def ask(url, path, body, token=None):
    """Status and JSON of a request of ours."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url + path, json.dumps(body).encode() if body is not None else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, remember(json.load(answer))
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


class Servers:
    """Simulator and vending server, on ports of their own."""

    def __init__(self, work, folder="", more="", top="", serve=True):
        """`top`, `folder`: more lines of the configuration before its sections, and of [folder]; `more`: more sections."""
        self.work, self.running = work, []
        self.said = work / "said"
        self.said.touch()
        os.umask(0o077)
        sim = self.start("sim", [BIN / "stsfs-sim", "--bucket", "examplebucket", "--region", "cn-hangzhou",
                                 "--init-vending", work / "key.json"], "READY=")
        (work / "vend.toml").write_text(f"""
listen = "127.0.0.1:0"
database = "{work}/vend.db"
access_key_file = "{work}/key.json"
audit_log = "{work}/audit.log"
{top}
[sts]
endpoint = "{sim['STS_ENDPOINT']}"
role_arn = "{sim['ROLE_ARN']}"
[folder]
endpoint = "{sim['OSS_ENDPOINT']}"
region = "cn-hangzhou"
bucket = "examplebucket"
{folder}
[device]
pause_seconds = 1
{more}
""")
        self.admin = sim["ADMIN_ENDPOINT"]
        self.secrets = [PASSWORD, *canaries.strings_in(json.loads((work / "key.json").read_text()))]
        subprocess.run([BIN / "stsfs-vend", "user", "add", "alice", "--config", work / "vend.toml", "--password-stdin"],
                       input=PASSWORD + "\n", text=True, check=True)
        if serve:
            self.serve()

    def serve(self):
        command = [BIN / "stsfs-vend", "serve", "--config", self.work / "vend.toml"]
        self.url = self.start("vend", command, "VEND_URL=")["VEND_URL"]
        self.vend = self.running[-1]

    def command(self, *arguments):
        """What `stsfs-vend` says, and its exit code."""
        done = subprocess.run([BIN / "stsfs-vend", *arguments, "--config", self.work / "vend.toml"], text=True,
                              capture_output=True, timeout=300)
        self.note(done.stdout + done.stderr)
        return done.returncode, done.stdout + done.stderr

    def note(self, said, state_home=None):
        """What a program said, and the tokens it keeps, for the search at the end."""
        with open(self.said, "a") as file:
            file.write(said)
        if state_home is not None:
            self.secrets += [token for token in canaries.login_tokens(state_home) if token not in self.secrets]

    def start(self, name, command, ready):
        out = self.work / f"{name}.out"
        with open(out, "wb") as file, open(self.work / f"{name}.log", "wb") as log:
            process = subprocess.Popen(command, stdout=file, stderr=log)
        self.running.append(process)
        end = time.monotonic() + 60
        while ready not in out.read_text():
            said = f"{name} did not come up: {(self.work / f'{name}.log').read_text()}"
            check(process.poll() is None, said)
            in_time(time.monotonic() < end, said)
            time.sleep(0.05)
        return dict(line.split("=", 1) for line in out.read_text().splitlines() if "=" in line)

    def stop(self):
        """Ends them, and looks for secrets in what they, and others below the directory, have written."""
        try:
            found = self.found()
        finally:
            for process in reversed(self.running):
                process.terminate()
                process.wait(20)
        check(not found, f"secrets were written: {found}")

    def found(self):
        canaries.write_ps(self.work / "ps", BIN)
        # Not further down: a folder may be mounted there.
        logs = [path for place in (self.work, self.work / "STATE_HOME" / "stsfs") for path in place.glob("*")
                if path.suffix in (".log", ".out")]
        from_sts = [secret for one in canaries.issued(self.admin, 0) for secret in canaries.strings_in(one)]
        return canaries.search([*self.secrets, *from_sts, *given],
                               [self.work / "ps", self.said, *logs])
