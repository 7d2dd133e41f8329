#!/usr/bin/env python3
"""A bucket mounted through an HTTP proxy: the only one that knows where the bucket's host is."""
import base64
import collections
import os
import shutil
import socket
import socketserver
import sys
import threading
import urllib.parse

from bucket import BUCKET, Bucket, exercise
from certificates import make_ca, make_certificate
from scenarios import run
from servers import check

ENDPOINT = "oss-cn-hangzhou.test"  # RFC 6761: no name server knows it
HOST = f"{BUCKET}.{ENDPOINT}"
FAILS_IN = "mount_timeout=10s"


class Proxy:
    """CONNECT, and requests in absolute form, for one host; `seen` counts them by method and target."""

    def __init__(self, place, login=None):
        """`login`: "user:password", without which it refuses."""
        self.place, self.seen, self.lock = place, collections.Counter(), threading.Lock()
        self.login = login and b"\r\nProxy-Authorization: Basic " + base64.b64encode(login.encode()) + b"\r\n"
        self.open, self.stopped = set(), False
        self.keeper = bound(0)  # nobody else gets the port while the proxy is away; connections to it are refused
        self.port = self.keeper.getsockname()[1]
        self.start()

    def start(self):
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                proxy.serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 64

        self.stopped = False
        self.server = Server(("127.0.0.1", self.port), Handler, bind_and_activate=False)
        self.server.socket.close()
        self.server.socket = bound(self.port)
        self.server.server_activate()
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """With what goes through it."""
        self.server.shutdown()
        self.server.server_close()
        with self.lock:
            self.stopped = True
            for one in self.open:
                cut(one)

    def serve(self, client):
        with self.lock:
            if self.stopped:
                return
            self.open.add(client)
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                more = client.recv(65536)
                if not more:
                    return
                head += more
            method, target, version = head.split(b"\r\n", 1)[0].decode().split(" ")
            host = target.removeprefix("http://").split("/")[0]
            with self.lock:
                self.seen[method if method == "CONNECT" else "absolute", host] += 1
            if self.login and self.login not in head:
                client.sendall(b'HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm="a"\r\n'
                               b"Content-Length: 0\r\nConnection: close\r\n\r\n")
                return
            if host.split(":")[0] != HOST:
                client.sendall(b"HTTP/1.1 502 Unknown\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            with socket.create_connection(self.place) as server:
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Established\r\n\r\n")
                else:
                    first, rest = head.split(b"\r\n", 1)
                    line = f"{method} {target.removeprefix('http://' + host)} {version}\r\nConnection: close\r\n"
                    server.sendall(line.encode() + rest)
                both_ways(client, server)
        except OSError:
            pass  # one of the two has gone
        finally:
            with self.lock:
                self.open.discard(client)

    def took(self):
        """What it saw since the last time."""
        with self.lock:
            seen, self.seen = dict(self.seen), collections.Counter()
        return seen


def bound(port):
    """A socket at that port, which another of these may have as well."""
    out = socket.socket()
    out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    out.bind(("127.0.0.1", port))
    return out


def cut(one):
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def both_ways(client, server):
    back = threading.Thread(target=pump, args=(client, server), daemon=True)
    back.start()
    pump(server, client)
    back.join()


def pump(source, sink):
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        cut(source), cut(sink)


def over_http(work):
    with Bucket(work) as bucket:
        proxy = Proxy(("127.0.0.1", int(bucket.port)))
        exercise(bucket, f"endpoint=http://{ENDPOINT}", f"proxy=http://127.0.0.1:{proxy.port}")
        seen = proxy.took()
        check(list(seen) == [("absolute", HOST)] and seen["absolute", HOST] > 20, f"the proxy saw {seen}")
        bucket.env["http_proxy"] = f"http://127.0.0.1:{proxy.port}"
        bucket.mount(f"endpoint=http://{ENDPOINT}")
        bucket.umount()
        check(list(proxy.took()) == [("absolute", HOST)], "http_proxy of the environment was not taken")
        bucket.env["no_proxy"] = "127.0.0.1,localhost"
        bucket.mount(f"endpoint=http://127.0.0.1:{bucket.port}")
        bucket.umount()
        check(not proxy.took(), "no_proxy of the environment was not heeded")
        proxy.stop()
    print("HTTP through a proxy: every byte is there, and each request went that way")


def over_https(work):
    make_ca(work, "ca")
    make_certificate(work, "ca", "server", f"DNS:{HOST}")
    with Bucket(work, "server") as bucket:
        proxy = Proxy(("127.0.0.1", int(bucket.port)))
        options = (f"endpoint=https://{ENDPOINT}", f"cacert={work}/ca.crt", f"proxy=http://127.0.0.1:{proxy.port}")
        exercise(bucket, *options)
        seen = proxy.took()
        check(list(seen) == [("CONNECT", f"{HOST}:443")], f"the proxy saw {seen}")
        without_proxy(bucket, proxy, options)
    print("HTTPS through a proxy: every byte is there; without it errors name it, and work goes on once it is back")


def without_proxy(bucket, proxy, options):
    names = (f"127.0.0.1 port {proxy.port}", "that is the proxy: check whether it is up, proxy=")
    bucket.mount(*options, "metadata_timeout=20s")
    proxy.stop()
    try:
        os.mkdir(bucket.path / "away")
        check(False, "made a directory without a way to OSS")
    except OSError:
        pass
    proxy.start()
    os.mkdir(bucket.path / "back")
    os.rmdir(bucket.path / "back")
    bucket.umount()
    log = "".join(path.read_text() for path in bucket.work.glob("STATE_HOME/stsfs/*.log"))
    check(all(name in log for name in names), f"the log does not name the proxy: {log[-2000:]}")
    proxy.stop()
    said = bucket.mount(*options, FAILS_IN, wanted="failure")
    check(all(name in said for name in names), f"it does not name the proxy: {said}")
    said = bucket.mount(*options[:2], "proxy=http://no-such-proxy.invalid:1", FAILS_IN, wanted="failure")
    check("no-such-proxy.invalid" in said and "check proxy=" in said, said)


def with_password(work):
    make_ca(work, "ca")
    make_certificate(work, "ca", "server", f"DNS:{HOST}")
    password = "pass word@" + os.urandom(8).hex()
    for scheme in ("http", "https"):
        place = work / scheme
        place.mkdir()
        for name in ("server.crt", "server.key"):
            shutil.copy(work / name, place)
        with Bucket(place, "server" if scheme == "https" else None) as bucket:
            bucket.secrets += [password, urllib.parse.quote(password, safe="")]
            proxy = Proxy(("127.0.0.1", int(bucket.port)), f"me:{password}")
            options = (f"endpoint={scheme}://{ENDPOINT}", f"cacert={work}/ca.crt")
            log_in(bucket, proxy, password)
            exercise(bucket, *options)
            check(proxy.took(), "nothing went through the proxy")
            log_in(bucket, proxy, "wrong" + password)
            said = bucket.mount(*options, FAILS_IN, wanted="failure")
            check("407" in said and "the proxy's answer: check proxy=" in said, said)
            proxy.stop()
    print("A proxy that asks for a password: it is taken from the configuration, and shown nowhere; a wrong one is named")


def log_in(bucket, proxy, password):
    file = bucket.work / "CONFIG_HOME/stsfs/stsfs.toml"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.touch(0o600)
    file.write_text(f'proxy = "http://me:{urllib.parse.quote(password, safe="")}@127.0.0.1:{proxy.port}"\n')


if __name__ == "__main__":
    sys.exit(run("proxy", over_http, over_https, with_password))
