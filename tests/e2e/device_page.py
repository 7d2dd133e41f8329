#!/usr/bin/env python3
"""The page of the device-code flow in a real browser without JavaScript: a device is let in, another is refused."""
import pathlib
import shutil
import sys
import tempfile
import time

from browser import Browser, available
from servers import PASSWORD, Servers, ask, check

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
    browser.wait_for_title("Done")
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
    browser.wait_for_title("Refused")
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
