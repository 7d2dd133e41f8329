#!/usr/bin/env python3
"""Nobody types a password here: `stsfs login --device`, a person who confirms the code elsewhere, and the folder mounts.

The person is a script that fills in the vending server's real forms as a browser does; device_page.py has a real browser.
"""
import html
import http.cookiejar
import pathlib
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

from folder import Folder, check, wait_until
from servers import ask


class Person:
    """A browser as far as cookies and forms go."""

    def __init__(self, url):
        self.url, self.form_key = url, ""
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def _show(self, path, form=None):
        data = None if form is None else urllib.parse.urlencode(dict(form, form_key=self.form_key)).encode()
        try:
            with self.opener.open(self.url + path, data, timeout=60) as answer:
                page = answer.read().decode()
        except urllib.error.HTTPError as error:
            page = error.read().decode()
        found = re.search(r'name="form_key" value="([^"]*)"', page)
        if found:
            self.form_key = html.unescape(found.group(1))
        return page

    def sign_in(self, code, password):
        self._show("/device?user_code=" + urllib.parse.quote(code))
        return self._show("/device/sign-in", {"user_code": code, "username": "alice", "password": password})

    def decide(self, code, password, decision):
        page = self.sign_in(code, password)
        check('value="allow"' in page and "127.0.0.1" in page, f"nothing is to be confirmed: {page}")
        self._show("/device/confirm", {"user_code": code, "decision": decision})


class Login:
    """`stsfs login --device`, without a terminal."""

    def __init__(self, folder):
        self.said = folder.work / "login.out"
        with open(self.said, "wb") as out:
            self.process = subprocess.Popen([folder.STSFS, "login", "--device", folder.VEND_URL], env=folder.env,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        wait_until(lambda: "enter the code" in self.said.read_text(), 60, "the code")
        self.code = re.search(r"enter the code (\S+)", self.said.read_text()).group(1)

    def end(self, wanted):
        code = self.process.wait(120)
        check(code == wanted, f"login --device: exit {code}, wanted {wanted}: {self.said.read_text()}")
        return self.said.read_text()


def replayed(url, password):
    """A device code is good for one token, whoever comes second."""
    device = ask(url, "/v1/device/code", {})[1]
    Person(url).decide(device["user_code"], password, "allow")
    poll = {"device_code": device["device_code"]}
    status, answer = ask(url, "/v1/device/token", poll)
    check(status == 200, f"a confirmed code was refused: {status} {answer}")
    for _ in range(3):
        status, again = ask(url, "/v1/device/token", poll)
        check((status, again["error"]) == (400, "expired_token"), f"a used code was taken again: {status}")
    check(ask(url, "/v1/whoami", None, answer["token"])[0] == 200, "the replay took the first token along")
    check('value="allow"' not in Person(url).sign_in(device["user_code"], password), "a used code can be confirmed")


def main():
    with Folder() as folder:
        url = folder.VEND_URL.rstrip("/")
        password = (pathlib.Path(folder.STATE_DIR) / "password").read_text().strip()
        folder.stsfs("umount", str(folder.path))
        folder.stsfs("logout", folder.VEND_URL)
        check("stsfs login" in folder.stsfs("mount", folder.VEND_URL, str(folder.path), wanted=32), "no remedy is named")

        refused = Login(folder)
        Person(url).decide(refused.code, password, "deny")
        check("refused" in refused.end(wanted=32), "it is not said that the person refused")

        login = Login(folder)
        Person(url).decide(login.code, password, "allow")
        check("as alice" in login.end(wanted=0), "it does not say who is logged in")
        check("alice" in folder.stsfs("whoami", folder.VEND_URL), "whoami")
        folder.mount()
        (folder.path / "file").write_text("text")
        folder.stsfs("umount", str(folder.path))
        folder.mount()
        check((folder.path / "file").read_text() == "text", "the file is not in OSS")

        replayed(url, password)
    print("login --device to a mounted folder; a refused and a replayed code give nothing")


if __name__ == "__main__":
    sys.exit(main())
