#!/usr/bin/env python3
"""scripts/demo.sh at a terminal: it shows what it says and leaves the folder mounted until Enter or Ctrl-C. Either is the end that
it offers: it cleans up, exits 0, and nothing is left. Nothing that it showed was a secret."""
import json
import os
import pathlib
import re
import sys

import canaries
from bounds import wait_until
from folder import DEMO
from scenarios import run
from servers import BIN, check
from terminal import At

PROMPT = "Press Enter (or Ctrl-C) to unmount and clean up.\n"

# Whole, but for what another day, machine or user makes different.
SHOWN = """
Setting up and building (the first time takes some minutes)

A cloud (OSS, STS and RAM) and a vending server, on this machine
OSS     <URL>   bucket examplebucket
STS     <URL>
vending <URL>   user alice, folder users/alice/, credentials live 6 s

Log in once, mount
$ stsfs login <URL> --user alice
Logged in at <URL> as alice until <WORD>
$ <BIN>/stsfs mount <URL> <WORK>/cloud

Work with files
$ cp <WORK>/holiday.jpg <WORK>/cloud/
$ mkdir -p <WORK>/cloud/letters/2026
$ cp <WORK>/letter.txt '<WORK>/cloud/letters/2026/to Bob 信 ☕.txt'
$ cat '<WORK>/cloud/letters/2026/to Bob 信 ☕.txt'
Dear Bob,
$ mv <WORK>/cloud/holiday.jpg <WORK>/cloud/letters/2026/beach.jpg
$ ls -lR <WORK>/cloud
<WORK>/cloud:
total <NUMBER>
drwx------ <OWNER> <NUMBER> <DATE> letters

<WORK>/cloud/letters:
total <NUMBER>
drwx------ <OWNER> <NUMBER> <DATE> 2026

<WORK>/cloud/letters/2026:
total <NUMBER>
-rw------- <OWNER> 5000000 <DATE>  beach.jpg
-rw------- <OWNER>      10 <DATE> 'to Bob 信 ☕.txt'
$ cp <WORK>/cloud/letters/2026/beach.jpg <WORK>/back.jpg
same SHA-256: holiday.jpg and back.jpg
$ rm '<WORK>/cloud/letters/2026/to Bob 信 ☕.txt'

The credential renews itself
$ <BIN>/stsfs status <WORK>/cloud
<WORK>/cloud
<STATUS>$ <BIN>/stsfs status <WORK>/cloud
<WORK>/cloud
<STATUS>$ ls -l <WORK>/cloud/letters/2026
total <NUMBER>
-rw------- <OWNER> 5000000 <DATE> beach.jpg

Unmount and mount again: everything is in OSS
$ <BIN>/stsfs umount <WORK>/cloud
$ <BIN>/stsfs mount <URL> <WORK>/cloud
same SHA-256: holiday.jpg and beach.jpg

The folder is yours to try: <WORK>/cloud
""" + PROMPT + """<TYPED>
$ <BIN>/stsfs umount <WORK>/cloud
"""


def wanted(work, typed):
    words = {"URL": r"http://127\.0\.0\.1:\d+", "WORD": r"\S+", "NUMBER": r"\d+", "OWNER": r"\d+ \S+ +\S+ +",
             "DATE": r"\w+ +\d+ [\d:]+", "STATUS": r"(?: .*\n)+", "BIN": re.escape(str(BIN)),
             "WORK": re.escape(str(work)), "TYPED": re.escape(typed)}
    text = re.sub(r"<OWNER>(\\ )+", "<OWNER>", re.escape(SHOWN))
    return re.sub("<([A-Z]+)>", lambda found: words[found.group(1)], text)


def shown(terminal):
    return re.sub("\x1b\\[[01]m", "", terminal.said.decode()).replace("\r\n", "\n")


def that_know(work):
    """Our programs that have the directory in their arguments or environment."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            # Of what is none of ours arguments are not asked for: they hang where their program does.
            if process.joinpath("exe").resolve().parent == BIN.resolve() and str(work).encode() in process.joinpath("cmdline").read_bytes() + process.joinpath("environ").read_bytes():
                found.append(process.name)
        except OSError:
            pass  # it has ended
    return found


def secrets_of(place):
    servers = place / "servers"
    sim = dict(line.split("=", 1) for line in (servers / "sim.out").read_text().splitlines() if "=" in line)
    return [(servers / "password").read_text().strip(), *canaries.login_tokens(place / "state"),
            *canaries.strings_in(json.loads((servers / "vending-key.json").read_text())),
            *[secret for one in canaries.issued(sim["ADMIN_ENDPOINT"], 2) for secret in canaries.strings_in(one)]]


def ends(work, typed, echo):
    home = work / "home"
    home.mkdir()
    terminal = At([DEMO], dict(os.environ, TMPDIR=str(home), LC_ALL="C.UTF-8"))
    terminal.wait_for(PROMPT.replace("\n", "\r\n").encode(), 300)
    place, = home.iterdir()
    check((place / "cloud/letters/2026/beach.jpg").stat().st_size == 5_000_000, "the folder is not there to be tried")
    check(len(that_know(home)) == 3, "two servers and a daemon should run")
    secrets = secrets_of(place)
    terminal.type(typed)
    code = terminal.end()
    said = shown(terminal)
    check(code == 0, f"exit {code}: {said}")
    check(re.fullmatch(wanted(place, echo), said), f"it shows something else: {said}")
    wait_until(lambda: not that_know(home), 30, f"the end of {that_know(home)}")
    check(str(home) not in pathlib.Path("/proc/self/mounts").read_text(), "something is still mounted")
    check(list(home.iterdir()) == [], f"left over: {list(home.rglob('*'))}")
    (work / "shown").write_text(said)
    found = canaries.search(secrets, [work / "shown"])
    check(not found, f"secrets were shown: {found}")


def enter(work):
    ends(work, b"\n", "")
    print("Enter: it cleans up and exits 0")


def interrupt(work):
    ends(work, b"\x03", "^C")
    print("Ctrl-C: it cleans up and exits 0")


if __name__ == "__main__":
    sys.exit(run("demo-stays", enter, interrupt))
