#!/usr/bin/env python3
"""login --device, whoami and logout as a person runs them, against a server that answers as the wire says (RFC 8628).

The server is a few lines here, so that it can be slow, refuse, expire and be away at will; that the vending server answers
the same is for its own tests.
"""
import contextlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

from folder import check

STSFS = pathlib.Path(os.environ["STSFS_BUILD"]) / "bin" / "stsfs"
TOKEN = "token-of-alice"


class Server:
    """`polls`: what each question for the token gets, in turn."""

    def __init__(self, polls, expires_in=30):
        self.polls, self.expires_in = list(polls), expires_in
        self.asked_at, self.revoked, self.away = [], False, False
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def say(self, status, document=None):
                text = b"" if document is None else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self):
                if self.path != "/v1/whoami" or server.revoked or self.headers["Authorization"] != f"Bearer {TOKEN}":
                    return self.say(401, {"StatusCode": 401, "ErrorCode": "InvalidToken", "ErrorMessage": "who?"})
                self.say(200, {"user": "alice", "groups": ["staff"], "bucket": "examplebucket", "prefix": "users/alice/",
                               "permissions": "rw", "token_expires_at": "2036-01-02T03:04:05Z"})

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if server.away:
                    return self.say(503)
                if self.path == "/v1/device/code":
                    return self.say(200, {"device_code": "secret-device-code", "user_code": "WDJB-MJHT", "interval": 1,
                                          "verification_uri": server.url + "/device", "expires_in": server.expires_in})
                if self.path == "/v1/device/token" and json.loads(body)["device_code"] == "secret-device-code":
                    return self.poll()
                if self.path == "/v1/logout" and self.headers["Authorization"] == f"Bearer {TOKEN}":
                    server.revoked = True
                    return self.say(204)
                self.say(404)

            def poll(self):
                server.asked_at.append(time.monotonic())
                answer = server.polls.pop(0) if len(server.polls) > 1 else server.polls[0]
                if answer == "token":
                    return self.say(200, {"token": TOKEN, "expires_at": "2036-01-02T03:04:05Z"})
                self.say(400, {"error": answer, "StatusCode": 400, "ErrorCode": answer, "ErrorMessage": answer})

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()


@contextlib.contextmanager
def person(polls, **more):
    """A home, and a server."""
    server = Server(polls, **more)
    with tempfile.TemporaryDirectory() as home:
        env = dict(os.environ, **{f"XDG_{name}": f"{home}/{name}" for name in ("STATE_HOME", "CONFIG_HOME", "RUNTIME_DIR")})

        def stsfs(*arguments, wanted=0):
            # No terminal, no input: as over ssh without one.
            done = subprocess.run([STSFS, *arguments], env=env, text=True, timeout=300, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
            check(done.returncode == wanted, f"stsfs {arguments}: exit {done.returncode}: {done.stdout}")
            check("secret-device-code" not in done.stdout and TOKEN not in done.stdout, "a secret was shown")
            return done.stdout
        yield server, stsfs, pathlib.Path(home)
    server.stop()


def tokens(home):
    return list((home / "STATE_HOME").rglob("tokens/*.json"))


def confirmed():
    with person(["authorization_pending", "slow_down", "token"]) as (server, stsfs, home):
        said = stsfs("login", "--device", server.url)
        check("WDJB-MJHT" in said and server.url + "/device" in said, f"code and URL are not shown: {said}")
        check("as alice until 2036" in said, f"it does not say who: {said}")
        gaps = [b - a for a, b in zip(server.asked_at, server.asked_at[1:])]
        check(gaps[0] >= 0.9 and gaps[1] >= 5.5, f"asked faster than the server wants: {gaps}")
        [file] = tokens(home)
        check(file.stat().st_mode & 0o777 == 0o600, "the token file is open to others")
        said = stsfs("whoami")
        check("alice at " + server.url in said and "oss://examplebucket/users/alice/" in said and "staff" in said, said)
        server.away = True
        said = stsfs("logout", server.url, wanted=32)
        check("still logged in" in said and tokens(home), f"it is not clear whether the login ended: {said}")
        server.away = False
        stsfs("logout", server.url)
        check(server.revoked and not tokens(home), "the token was not revoked, or is still here")
        check("stsfs login" in stsfs("whoami", server.url, wanted=32), "whoami after a logout names no remedy")
        said = stsfs("logout", server.url, wanted=32)
        check("not logged in at " + server.url in said, f"a logout without a login: {said}")


def forgotten_here_only():
    with person(["token"]) as (server, stsfs, home):
        stsfs("login", "--device", server.url)
        server.away = True
        stsfs("logout", "--local", server.url)
        check(not tokens(home) and not server.revoked, "--local did not only forget it")


def refused():
    for answer, word in (("access_denied", "refused"), ("expired_token", "expired")):
        with person([answer]) as (server, stsfs, home):
            said = stsfs("login", "--device", server.url, wanted=32)
            check(word in said and not tokens(home), f"{answer}: {said}")
    with person(["authorization_pending"], expires_in=2) as (server, stsfs, home):
        check("expired" in stsfs("login", "--device", server.url, wanted=32), "a code is waited for beyond its life")


def main():
    confirmed()
    forgotten_here_only()
    refused()
    print("login --device, whoami, logout: as the wire says")


if __name__ == "__main__":
    sys.exit(main())
