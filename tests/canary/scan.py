#!/usr/bin/env python3
"""Looks for secrets where none may be: raw, URL-encoded, base64 (at any alignment), hex, JSON-escaped.

    scan.py SECRETS PATH...

SECRETS is a file with one secret a line; PATHs are files or directories (logs, captured output, core files).
Exit 1 when one is found; says which (by its line number, never the secret), where and in which form.
"""
import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

SHORTEST = 8  # a shorter one would be found by chance
BLOCK = 16 << 20


def forms_of(secret: bytes):
    yield "raw", secret
    text = secret.decode("latin-1")
    yield "URL-encoded", urllib.parse.quote(text, safe="", encoding="latin-1").encode()
    yield "form-encoded", urllib.parse.quote_plus(text, encoding="latin-1").encode()
    yield "JSON-escaped", json.dumps(text)[1:-1].encode()
    yield "hex", secret.hex().encode()
    yield "HEX", secret.hex().upper().encode()
    for shift in range(3):
        # Only the characters that no neighbouring byte can change.
        encoded = base64.b64encode(b"\0" * shift + secret)
        start = (shift * 8 + 5) // 6
        end = (shift + len(secret)) * 8 // 6
        for name, table in (("base64", None), ("base64url", bytes.maketrans(b"+/", b"-_"))):
            core = encoded[start:end]
            yield name, core.translate(table) if table else core


def files_below(path: pathlib.Path):
    if path.is_dir():
        for entry in sorted(path.rglob("*")):
            if entry.is_file() and not entry.is_symlink():
                yield entry
    elif path.exists():
        yield path
    else:
        sys.exit(f"scan.py: {path} does not exist: nothing was searched there")


def with_any(needles, files):
    """Those of the files that hold any needle: grep looks for thousands as quickly as for one, and skips holes. A line
    ends with a zero: there are cores without a line break in gigabytes."""
    with tempfile.NamedTemporaryFile() as listed:  # 0600
        listed.write(b"\n".join(needles) + b"\n")
        listed.flush()
        done = subprocess.run(["grep", "-zalF", "-f", listed.name, "--", *files], stdout=subprocess.PIPE, text=True,
                              env=dict(os.environ, LC_ALL="C"))
    if done.returncode not in (0, 1):
        sys.exit("scan.py: grep failed: not everything was searched")
    return [pathlib.Path(name) for name in done.stdout.splitlines()]


def place_of(needle, path):
    """The first byte of the needle in the file; None without it."""
    with open(path, "rb") as file:
        kept, start = b"", 0
        while block := file.read(BLOCK):
            data = kept + block
            if (at := data.find(needle)) >= 0:
                return start + at
            kept = data[-len(needle):]
            start += len(data) - len(kept)
    return None


def main():
    secrets_path, places = pathlib.Path(sys.argv[1]), [pathlib.Path(p) for p in sys.argv[2:]]
    needles = {}
    for number, line in enumerate(secrets_path.read_bytes().splitlines(), 1):
        if len(line) >= SHORTEST:
            for form, needle in forms_of(line):
                needles.setdefault(needle, (number, form))
    if not needles or not places:
        sys.exit("scan.py: no secrets or no places given: nothing was searched")
    files = [path for place in places for path in files_below(place) if not path.samefile(secrets_path)]
    found = []
    for path in with_any(needles, files) if files else []:
        for needle, (number, form) in needles.items():
            if (at := place_of(needle, path)) is not None:
                found.append(f"{path}: secret {number}, {form}, at byte {at}")
    size = sum(path.stat().st_size for path in files)
    print("\n".join(found) if found else f"no secret in {len(files)} files, {size} bytes")
    sys.exit(1 if found else 0)


main()
