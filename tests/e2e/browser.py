"""A headless Chromium, driven through chromedriver's plain HTTP (W3C WebDriver): no library needed."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request

from bounds import TooSlow, wait_until

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver, section 12: the name that an element's id stands under
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]


PATIENCE = 60  # seconds: a browser starts many processes, and a busy machine takes its time


class Browser:
    """One window with JavaScript switched off, as a careful person's."""

    def __init__(self, directory):
        self.log = pathlib.Path(directory) / "chromedriver.log"
        environment = dict(os.environ, HOME=str(directory))
        self.url = f"http://127.0.0.1:{self._start(environment)}"
        options = {"args": FLAGS + [f"--user-data-dir={directory}/profile"],
                   "prefs": {"profile.managed_default_content_settings.javascript": 2}}
        self.session = self._begin({"browserName": "chrome", "goog:chromeOptions": options})

    def _begin(self, wanted):
        """chromedriver gives a browser that is slow to start only a minute; the next one finds its files in memory."""
        for attempts_left in (2, 1, 0):
            try:
                answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}}, timeout=150)
                return f"/session/{answer['sessionId']}"
            except AssertionError:
                if attempts_left == 0:
                    raise

    def _start(self, environment):
        """chromedriver takes a port that is free for IPv6, and ends where somebody has it for IPv4: then once more."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with open(self.log, "wb") as log:
                self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=log, stderr=log, env=environment)
            while time.monotonic() < end and self.driver.poll() is None:
                found = re.search(r"started successfully on port (\d+)", self.log.read_text(errors="replace"))
                if found:
                    return int(found.group(1))
                time.sleep(0.1)
        self.driver.kill()
        raise TooSlow("chromedriver did not come up: " + self.log.read_text(errors="replace"))

    def _ask(self, method, path, body=None, timeout=150):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode()[:500]}") from error

    def open(self, url):
        self._ask("POST", self.session + "/url", {"url": url})

    def source(self):
        return self._ask("GET", self.session + "/source")

    def title(self):
        return self._ask("GET", self.session + "/title")

    def wait_for_title(self, title):
        """A click returns before the page that it leads to is there."""
        wait_until(lambda: self.title() == title, PATIENCE, f"the page {title}")

    def find(self, css):
        """Waits for it: a click returns before the page that it leads to is there."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self._ask("POST", self.session + "/element", {"using": "css selector", "value": css})[ELEMENT]
            except AssertionError:
                if time.monotonic() > end:
                    raise TooSlow(f"no {css} in: {self.source()}") from None
                time.sleep(0.1)

    def text(self, css):
        return self._ask("GET", f"{self.session}/element/{self.find(css)}/text")

    def style(self, css, name):
        return self._ask("GET", f"{self.session}/element/{self.find(css)}/css/{name}")

    def type(self, css, text):
        element = self.find(css)
        self._ask("POST", f"{self.session}/element/{element}/clear", {})
        self._ask("POST", f"{self.session}/element/{element}/value", {"text": text})

    def click(self, css):
        self._ask("POST", f"{self.session}/element/{self.find(css)}/click", {})

    def cookies(self):
        return self._ask("GET", self.session + "/cookie")

    def close(self):
        try:
            self._ask("DELETE", self.session)
        except (AssertionError, OSError):
            pass
        self.driver.terminate()
        self.driver.wait(20)


def available():
    return shutil.which("chromedriver") and shutil.which("chromium")
