#!/usr/bin/env python3
"""The page of the device-code flow in a real browser without JavaScript: a device is let in, another is refused."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from browser import Browser, available

BIN = pathlib.Path(os.environ["STSFS_BUILD"]) / "bin"
PASSWORD = "canary <pass> & \"word\""


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def ask(url, path, body, token=None):
    """Status and JSON of a request of ours."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url + path, json.dumps(body).encode() if body is not None else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


class Servers:
    """Simulator and vending server, on ports of their own."""

    def __init__(self, work):
        self.work, self.running = work, []
        os.umask(0o077)
        sim = self.start("sim", [BIN / "stsfs-sim", "--bucket", "examplebucket", "--region", "cn-hangzhou",
                                 "--init-vending", work / "key.json"], "READY=")
        (work / "vend.toml").write_text(f"""
listen = "127.0.0.1:0"
database = "{work}/vend.db"
access_key_file = "{work}/key.json"
audit_log = "{work}/audit.log"
[sts]
endpoint = "{sim['STS_ENDPOINT']}"
role_arn = "{sim['ROLE_ARN']}"
[folder]
endpoint = "{sim['OSS_ENDPOINT']}"
region = "cn-hangzhou"
bucket = "examplebucket"
[device]
pause_seconds = 1
""")
        subprocess.run([BIN / "stsfs-vend", "user", "add", "alice", "--config", work / "vend.toml", "--password-stdin"],
                       input=PASSWORD + "\n", text=True, check=True)
        self.url = self.start("vend", [BIN / "stsfs-vend", "serve", "--config", work / "vend.toml"],
                              "VEND_URL=")["VEND_URL"]

    def start(self, name, command, ready):
        out = self.work / f"{name}.out"
        with open(out, "wb") as file, open(self.work / f"{name}.log", "wb") as log:
            process = subprocess.Popen(command, stdout=file, stderr=log)
        self.running.append(process)
        end = time.monotonic() + 60
        while ready not in out.read_text():
            check(process.poll() is None and time.monotonic() < end,
                  f"{name} did not come up: {(self.work / f'{name}.log').read_text()}")
            time.sleep(0.05)
        return dict(line.split("=", 1) for line in out.read_text().splitlines() if "=" in line)

    def stop(self):
        for process in reversed(self.running):
            process.terminate()
            process.wait(20)


def sign_in(browser, code, password=PASSWORD):
    browser.type("input[name=username]", "alice")
    browser.type("input[name=password]", password)
    if code:
        browser.type("input[name=user_code]", code)
    browser.click("button")


def let_in(url, browser):
    device = ask(url, "/v1/device/code", {})[1]
    browser.open(device["verification_uri_complete"])
    check(browser.title() == "Sign in", browser.source())
    check(browser.style("main", "max-width") == "384px", "the style sheet was not taken: is it in the policy?")
    sign_in(browser, None, "wrong")
    check("wrong password" in browser.text(".complaint"), browser.source())
    sign_in(browser, None)
    check(device["user_code"] in browser.text(".code"), browser.source())
    check("127.0.0.1" in browser.text("main"), "the page does not say where the device is")
    for cookie in browser.cookies():
        check(cookie["httpOnly"] and cookie["sameSite"] == "Strict", f"a cookie that scripts or others may use: {cookie}")
    status, answer = ask(url, "/v1/device/token", {"device_code": device["device_code"]})
    check((status, answer["error"]) == (400, "authorization_pending"), f"{status} {answer}")
    browser.click("button[value=allow]")
    check(browser.title() == "Done", browser.source())
    time.sleep(1.1)
    status, answer = ask(url, "/v1/device/token", {"device_code": device["device_code"]})
    check(status == 200, f"{status} {answer}")
    status, who = ask(url, "/v1/whoami", None, answer["token"])
    check(status == 200 and who["user"] == "alice" and who["prefix"] == "users/alice/", f"{status} {who}")


def refuse(url, browser):
    device = ask(url, "/v1/device/code", {})[1]
    browser.open(device["verification_uri"])
    sign_in(browser, device["user_code"].lower().replace("-", " "))
    check(device["user_code"] in browser.text(".code"), browser.source())
    browser.click("button[value=deny]")
    check(browser.title() == "Refused", browser.source())
    status, answer = ask(url, "/v1/device/token", {"device_code": device["device_code"]})
    check((status, answer["error"]) == (400, "access_denied"), f"{status} {answer}")


def main():
    if not available():
        print("skipped: no chromium with chromedriver here; scripts/setup.sh installs both")
        return 77
    work = pathlib.Path(tempfile.mkdtemp(prefix="stsfs-device-"))
    servers, browser = None, None
    try:
        servers = Servers(work)
        browser = Browser(work)
        let_in(servers.url, browser)
        refuse(servers.url, browser)
        check("canary" not in (work / "audit.log").read_text() + (work / "vend.log").read_text(), "a password was logged")
        print("a device was let in, another refused, in Chromium without JavaScript")
        return 0
    finally:
        if browser:
            browser.close()
        if servers:
            servers.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
