"""What the machine and the server give without a filesystem: curl on the same objects, with 1 and with 8 connections."""

import subprocess

from processes import Failed

_LIMIT = 300


def _curl(server, method, key, *words):
    headers = [word for name, value in server.signed_headers(method, key).items() for word in ("-H", f"{name}: {value}")]
    return ["curl", "-sS", "-f", "-o", "/dev/null", *headers, *words, server.url(key)]


def _at_once(commands):
    """Their outputs."""
    begun = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for command in commands]
    try:
        out = [process.communicate(timeout=_LIMIT) for process in begun]
    except subprocess.TimeoutExpired:
        raise Failed(f"more than {_LIMIT} s") from None
    finally:
        for process in begun:
            process.kill()  # no-op for those that have ended
    for process, (_, said) in zip(begun, out):
        if process.returncode != 0:
            raise Failed(said.decode(errors="replace").strip() or f"curl: exit status {process.returncode}")
    return [text.decode() for text, _ in out]


def get(server, key, size, connections):
    """Reads the object in as many ranges as there are connections."""
    part = size // connections
    ranges = [(at, (at + part if number + 1 < connections else size) - 1)
              for number, at in enumerate(range(0, part * connections, part))]
    counts = _at_once([_curl(server, "GET", key, "-r", f"{first}-{last}", "-w", "%{size_download}") for first, last in ranges])
    if sum(int(count) for count in counts) != size:
        raise Failed(f"curl got {counts}, not {size} bytes")


def put(server, key, parts):
    """Writes each local file of `parts` as an object of its own, all at once. Gives their keys."""
    keys = [f"{key}/{part.name}" for part in parts]
    _at_once([_curl(server, "PUT", name, "-T", part, "-H", "Expect:") for name, part in zip(keys, parts)])
    return dict(zip(keys, parts))
