"""What is secret in a folder's cloud, and the search for it in what was written meanwhile.

The secrets are read from where they are kept, so that nothing has to be planted: password, the vending server's
AccessKey, login tokens, and a credential as the daemon gets them.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

SCAN = pathlib.Path(__file__).resolve().parent.parent / "canary" / "scan.py"
SHORTEST = 8  # as scan.py: a shorter one would be found by chance
PUBLIC = ("access_key_id", "accesskeyid", "server", "expires_at", "url")


def strings_in(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.lower() not in PUBLIC:
                yield from strings_in(inner)
    elif isinstance(value, str):
        yield value


def login_tokens(folder):
    for path in pathlib.Path(folder.env["XDG_STATE_HOME"]).rglob("tokens/*.json"):
        yield json.loads(path.read_text())["token"]


def credential_secrets(folder, token):
    """None when the vending server is away or the token is no longer good."""
    request = urllib.request.Request(folder.VEND_URL.rstrip("/") + "/v1/credentials",
                                     headers={"Authorization": "Bearer " + token})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = json.load(answer)
    except (urllib.error.URLError, OSError):
        return []
    return [body["AccessKeySecret"], body["SecurityToken"]]


def secrets_of(folder):
    state = pathlib.Path(folder.STATE_DIR)
    out = [(state / "password").read_text().strip()]
    out += strings_in(json.loads((state / "vending-key.json").read_text()))
    tokens = list(login_tokens(folder))
    out += tokens
    for token in tokens:
        out += credential_secrets(folder, token)
    return [secret for secret in out if len(secret) >= SHORTEST]


def written_by(folder):
    """Logs and output of the programs."""
    state = pathlib.Path(folder.STATE_DIR)
    return [folder.work / "up.out", folder.work / "up.err",
            *[path for path in state.iterdir() if path.suffix in (".log", ".out")],
            *pathlib.Path(folder.env["XDG_STATE_HOME"]).rglob("*.log")]


def search(secrets, places):
    """Returns what was found, in words; "" for nothing."""
    with tempfile.NamedTemporaryFile("w") as listed:  # 0600
        listed.write("\n".join(secrets) + "\n")
        listed.flush()
        done = subprocess.run([sys.executable, str(SCAN), listed.name, *map(str, places)], capture_output=True,
                              text=True)
    print(done.stdout.strip(), f"({len(secrets)} secrets)")
    return "" if done.returncode == 0 else done.stdout + done.stderr
