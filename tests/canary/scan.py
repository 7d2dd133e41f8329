#!/usr/bin/env python3
"""Looks for secrets where none may be: raw, URL-encoded, base64 (at any alignment), hex, JSON-escaped.

    scan.py SECRETS PATH...

SECRETS is a file with one secret a line; PATHs are files or directories (logs, captured output, core files).
Exit 1 when one is found; says which (by its line number, never the secret), where and in which form.
"""
import base64
import json
import pathlib
import sys
import urllib.parse

SHORTEST = 8  # a shorter one would be found by chance


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


def main():
    secrets_path, places = pathlib.Path(sys.argv[1]), [pathlib.Path(p) for p in sys.argv[2:]]
    needles = []
    for number, line in enumerate(secrets_path.read_bytes().splitlines(), 1):
        if len(line) >= SHORTEST:
            needles += [(number, form, needle) for form, needle in forms_of(line)]
    if not needles or not places:
        sys.exit("scan.py: no secrets or no places given: nothing was searched")
    found, searched, size = [], 0, 0
    for place in places:
        for path in files_below(place):
            if path.samefile(secrets_path):
                continue
            data = path.read_bytes()
            searched, size = searched + 1, size + len(data)
            found += [f"{path}: secret {number}, {form}, at byte {data.find(needle)}"
                      for number, form, needle in needles if needle in data]
    print("\n".join(found) if found else f"no secret in {searched} files, {size} bytes")
    sys.exit(1 if found else 0)


main()
