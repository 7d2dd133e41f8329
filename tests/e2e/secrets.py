#!/usr/bin/env python3
"""No key, token or password in logs, output, `ps`, error messages or a forced core.

What is secret is read from where it is kept; then the folder is used, an upload fails, a login is refused, cores of the
daemon and of the vending server are forced, and all that was written is searched.
"""
import json
import pathlib
import subprocess
import sys
import time
import urllib.request

from folder import Folder, check

SCAN = pathlib.Path(__file__).resolve().parent.parent / "canary" / "scan.py"


def credential_secrets(folder, token):
    request = urllib.request.Request(folder.VEND_URL.rstrip("/") + "/v1/credentials",
                                     headers={"Authorization": "Bearer " + token})
    with urllib.request.urlopen(request, timeout=30) as answer:
        body = json.load(answer)
    return [body["AccessKeySecret"], body["SecurityToken"]]


def strings_in(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.lower() not in ("access_key_id", "accesskeyid", "server", "expires_at", "url"):
                yield from strings_in(inner)
    elif isinstance(value, str):
        yield value


def secrets_of(folder):
    state = pathlib.Path(folder.STATE_DIR)
    out = [(state / "password").read_text().strip()]
    out += strings_in(json.loads((state / "vending-key.json").read_text()))
    tokens = []
    for path in pathlib.Path(folder.env["XDG_STATE_HOME"]).rglob("*"):
        if path.is_file() and path.parent.name == "tokens" and path.suffix == ".json":
            tokens.append(json.loads(path.read_text())["token"])
    check(tokens, "found no login token: this test would search for nothing")
    out += tokens
    out += credential_secrets(folder, max(tokens, key=len))
    return [secret for secret in out if len(secret) >= 8]


def use(folder, places):
    def keep(name, text):
        (places / name).write_text(text)
    (folder.path / "a file").write_text("contents")
    keep("status", folder.stsfs("status", str(folder.path)))
    keep("status.json", folder.stsfs("status", "--json", str(folder.path)))
    keep("refused-login", folder.stsfs("login", folder.VEND_URL, "--user", "alice", "--password-stdin", wanted=None,
                                       input="not the password\n"))
    folder.admin("POST", "/faults", {"operation": "PutObject", "status": 403, "code": "AccessDenied", "count": 3})
    try:
        (folder.path / "denied").write_text("x")
    except OSError as error:
        keep("denied", str(error))
    folder.admin("DELETE", "/faults")
    keep("ps", subprocess.check_output(["ps", "axeww", "-o", "pid,args"], text=True))
    keep("second-mount", folder.stsfs("mount", folder.VEND_URL, str(folder.path), wanted=None))


def core_of(pid, places, name):
    done = subprocess.run(["gcore", "-o", str(places / name), str(pid)], capture_output=True, text=True, timeout=120)
    (places / (name + ".gcore")).write_text(done.stdout + done.stderr)


def main():
    with Folder(ttl=600, options=["log_level=debug"]) as folder:
        places = folder.work / "places"
        places.mkdir()
        secrets = secrets_of(folder)
        use(folder, places)
        for name in ("STSFS", "VEND"):
            core_of(int(folder.values[name + "_PID"]), places, "core-" + name)
        time.sleep(0.2)
        secret_file = folder.work / "secrets"
        secret_file.touch(mode=0o600)
        secret_file.write_text("\n".join(secrets) + "\n")
        state = pathlib.Path(folder.STATE_DIR)
        searched = [places, folder.work / "up.out", folder.work / "up.err",
                    *[p for p in state.iterdir() if p.suffix in (".log", ".out")],
                    *pathlib.Path(folder.env["XDG_STATE_HOME"]).rglob("*.log")]
        done = subprocess.run([sys.executable, str(SCAN), str(secret_file), *map(str, searched)], capture_output=True,
                              text=True)
        print(done.stdout.strip(), f"({len(secrets)} secrets)")
        check(done.returncode == 0, done.stdout + done.stderr)


if __name__ == "__main__":
    sys.exit(main())
