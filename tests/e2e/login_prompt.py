#!/usr/bin/env python3
"""`stsfs login` at a terminal: the password is asked for and not shown, and the terminal is as before whatever ends it."""
import os
import subprocess
import sys

from scenarios import run
from servers import BIN, PASSWORD, Servers, check
from terminal import type_at

CTRL_C, CTRL_D, CTRL_U, BACKSPACE = b"\x03", b"\x04", b"\x15", b"\x7f"


class Person:
    def __init__(self, servers):
        self.servers = servers
        names = ("STATE_HOME", "CACHE_HOME", "CONFIG_HOME", "RUNTIME_DIR")
        self.env = dict(os.environ, **{f"XDG_{name}": str(servers.work / name) for name in names})

    def login(self, typed):
        """Types at the prompt. Returns the exit code and what else the terminal showed."""
        prompt = f"Password of alice at {self.servers.url}: "
        code, said = type_at([BIN / "stsfs", "login", self.servers.url, "--user", "alice"], (prompt.encode(), typed),
                             env=self.env)
        check(said.startswith(prompt + "\r\n"), f"beside the prompt something was shown: {said!r}")
        self.servers.note(said, self.env["XDG_STATE_HOME"])
        return code, said.removeprefix(prompt + "\r\n")

    def stsfs(self, *arguments):
        """Without a terminal."""
        done = subprocess.run([BIN / "stsfs", *arguments], env=self.env, text=True, timeout=120, start_new_session=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def is_logged_in(self):
        return self.stsfs("whoami", self.servers.url)[0] == 0


def at_a_terminal(work):
    servers = Servers(work)
    try:
        person = Person(servers)
        password = PASSWORD.encode()
        for key, ends in ((b"half of it" + CTRL_C, "Ctrl-C"), (CTRL_D, "Ctrl-D")):
            code, said = person.login(key)
            check(code == 8 and "cancelled" in said and not person.is_logged_in(), f"{ends}: {code} {said}")
        code, said = person.login(b"not the password\r")
        check(code == 32 and "wrong password" in said and not person.is_logged_in(), f"{code} {said}")
        code, said = person.login(password + b"\r")
        check(code == 0 and f"Logged in at {servers.url} as alice until" in said, f"{code} {said}")
        check(person.is_logged_in(), "not logged in")
        check(person.stsfs("logout", servers.url)[0] == 0 and not person.is_logged_in(), "not logged out")
        code, said = person.login(b"a slip" + CTRL_U + password[:-1] + "é".encode() + BACKSPACE + password[-1:] + b"\n")
        check(code == 0 and person.is_logged_in(), f"a corrected line: {code} {said}")
        code, said = person.stsfs("login", servers.url, "--user", "alice")
        check(code != 0 and "--password-stdin" in said, f"without a terminal: {code} {said}")
        print("the password: asked for, not shown, corrected, cancelled; the terminal is always as it was")
    finally:
        servers.stop()


if __name__ == "__main__":
    sys.exit(run("prompt", at_a_terminal))
