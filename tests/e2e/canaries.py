"""What is secret in a simulated cloud, and the search for it in what was written meanwhile.

The secrets are read from where they are kept, so that nothing has to be planted: passwords, the vending server's
AccessKey, login tokens, and every credential that the simulator's STS has handed out until now.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
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


def login_tokens(state_home):
    for path in pathlib.Path(state_home).glob("stsfs/tokens/*.json"):
        try:
            yield json.loads(path.read_text())["token"]
        except OSError:
            pass  # a logout was quicker, or the disk is away


def issued(admin, least=1):
    """All that STS has handed out. Without an answer nothing is known to be clean."""
    with urllib.request.urlopen(admin + "/credentials", timeout=120) as answer:
        given = json.load(answer)["credentials"]
    if len(given) < least:
        raise AssertionError(f"only {len(given)} credentials were handed out: this would search for too little")
    return given


def secrets_of(folder):
    return [*kept(folder), *[secret for one in issued(folder.ADMIN_ENDPOINT) for secret in strings_in(one)]]


def long_lived(folder):
    """Without the security tokens."""
    return [*kept(folder), *[one["access_key_secret"] for one in issued(folder.ADMIN_ENDPOINT)]]


def kept(folder):
    state = pathlib.Path(folder.STATE_DIR)
    if not folder.tokens:
        raise AssertionError("no login token is known: this would search for too little")
    return [(state / "password").read_text().strip(), *strings_in(json.loads((state / "vending-key.json").read_text())),
            *folder.tokens]


def write_ps(place, programs):
    """What `ps` shows to everybody: arguments; and the environment of those that run a program of the directory."""
    with open(place, "wb") as out:
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                out.write(process.joinpath("cmdline").read_bytes() + b"\n")
                if process.joinpath("exe").resolve().parent == pathlib.Path(programs).resolve():
                    out.write(process.joinpath("environ").read_bytes() + b"\n")
            except OSError:
                pass  # it has ended, or is not ours


def written_by(folder):
    """Logs and output of the programs, and what `ps` shows of them."""
    state = pathlib.Path(folder.STATE_DIR)
    write_ps(folder.work / "ps", pathlib.Path(folder.STSFS).parent)
    return [folder.work / "up.out", folder.work / "up.err", folder.work / "ps", folder.said,
            *[path for path in state.iterdir() if path.suffix in (".log", ".out")],
            *pathlib.Path(folder.env["XDG_STATE_HOME"]).rglob("*.log")]


def search(secrets, places):
    """Returns what was found, in words; "" for nothing."""
    secrets = [secret for secret in dict.fromkeys(secrets) if len(secret) >= SHORTEST]
    with tempfile.NamedTemporaryFile("w") as listed:  # 0600
        listed.write("\n".join(secrets) + "\n")
        listed.flush()
        done = subprocess.run([sys.executable, str(SCAN), listed.name, *map(str, places)], capture_output=True,
                              text=True)
    print(done.stdout.strip(), f"({len(secrets)} secrets)")
    return "" if done.returncode == 0 else done.stdout + done.stderr
