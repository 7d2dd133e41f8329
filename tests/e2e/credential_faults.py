#!/usr/bin/env python3
"""Every way in which credentials can fail, through a mount under load: no data error, no unbounded wait, no storm, and
recovery without help. Prints a table, and leaves it in the build tree as fault-matrix.txt.

    credential_faults.py               everything but the next
    credential_faults.py --one-flight  ten thousand operations that wait for one credential
    credential_faults.py --soak 600    credentials of 5 s under a mixed load for that long, and nothing else

Between the mount and its vending server stands a proxy that misbehaves as it is told and counts. The load reads, writes,
lists, renames and removes; each file's contents are known. While no credential can be had, an operation may fail, in
bounded time and with an error; data may never be wrong, and afterwards everything must work by itself.
"""
import concurrent.futures
import datetime
import errno
import http.client
import http.server
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from bounds import in_time
from folder import Folder, check, wait_until

TTL = 5          # seconds that a credential lives
DEADLINE = 8     # of an operation, by option
FAULT = 9        # seconds that a fault lasts: longer than a credential
WORKERS = 8
WAITING = 10_000  # operations that wait for one credential
FULL = bool(os.environ.get("STSFS_TEST_FULL"))


def hours_from_now(hours):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Proxy:
    """Passes everything on to the vending server, or does what `fault` says to answers of /v1/credentials."""

    def __init__(self, target, certificates):
        self.target = target.rsplit(":", 1)
        self.fault, self.count, self.requests = None, 0, []
        self.lock, self.gate, self.waiting = threading.Lock(), threading.Event(), 0
        self.certificates, self.now, self.greeted = certificates, 0, {}
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def log_message(self, *arguments):
                pass

            def do_GET(self):
                proxy.handle(self)

            do_POST = do_GET

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass  # clients that do not like the certificate hang up

            def finish_request(self, request, address):
                proxy.greeted[address] = proxy.now
                context = proxy.context()
                super().finish_request(context.wrap_socket(request, server_side=True), address)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificates[self.now])
        return context

    def handle(self, handler):
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length)
        if self.greeted[handler.client_address] != self.now:  # made with the certificate that is no more
            handler.close_connection = True
            return
        is_credentials = handler.path == "/v1/credentials"
        with self.lock:
            if is_credentials:
                self.count += 1
                self.requests.append(time.monotonic())
            fault = self.fault if is_credentials else None
        if fault == "away":
            handler.close_connection = True
            return
        if fault == "slow":
            time.sleep(3)
        if fault == "gate":
            with self.lock:
                self.waiting += 1
            self.gate.wait(60)
        headers = {name: value for name, value in handler.headers.items() if name.lower() != "host"}
        connection = http.client.HTTPConnection("127.0.0.1", int(self.target[1]), timeout=30)
        connection.request(handler.command, handler.path, body, headers)
        answer = connection.getresponse()
        status, text = answer.status, answer.read()
        more = {}
        if fault == "500":
            status, text = 500, b'{"StatusCode":500,"ErrorCode":"Internal","ErrorMessage":"broken"}'
        elif fault == "429":
            status, text, more = 429, b'{"StatusCode":429,"ErrorCode":"TooMany"}', {"Retry-After": "2"}
        elif fault == "json":
            text = b'{"AccessKeyId": "STS.half'
        elif fault and status == 200:
            changed = json.loads(text)
            if fault == "expired":
                changed["Expiration"] = hours_from_now(-1)
            elif fault == "long":
                changed["Expiration"] = hours_from_now(1)
            elif fault == "prefix":
                changed["Prefix"] = "users/bob/"
            elif fault == "quota":
                changed["QuotaBytes"], changed["UsedBytes"] = 10 << 30, 3 << 30
            elif fault == "ro":
                changed["Permissions"] = "ro"
            elif fault == "unknown":
                changed["AccessKeyId"] = "STS.nobody"
            text = json.dumps(changed).encode()
        handler.send_response_only(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        for name in ("Date",):
            if answer.getheader(name):
                handler.send_header(name, answer.getheader(name))
        for name, value in more.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text)


class Load:
    """Workers that use the mount until they are stopped. What each wrote it knows."""

    rounds = 0

    def __init__(self, folder):
        self.folder, self.stopping = folder, threading.Event()
        Load.rounds += 1  # directories of its own: what an earlier fault left is not this one's
        self.done, self.failed, self.slowest = 0, 0, 0.0
        self.errors, self.wrong = {}, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in range(WORKERS)]
        for thread in self.threads:
            thread.start()

    def step(self, name, what):
        """Runs one operation; None when it failed."""
        start = time.monotonic()
        try:
            return what()
        except OSError as error:
            with self.lock:
                self.failed += 1
                key = f"{name} {errno.errorcode[error.errno]}"
                self.errors[key] = self.errors.get(key, 0) + 1
            time.sleep(0.2)
            return None
        finally:
            with self.lock:
                self.done += 1
                self.slowest = max(self.slowest, time.monotonic() - start)

    def work(self, number):
        place = self.folder.path / f"load {Load.rounds}.{number}"
        while not self.stopping.is_set() and self.step("mkdir", lambda: place.mkdir(exist_ok=True) or True) is None:
            pass
        round_number = 0
        while not self.stopping.is_set():
            self.round(place, number, round_number)
            round_number += 1

    def round(self, place, number, round_number):
        text = f"{number} {round_number} ".encode() * (1 + 997 * (round_number % 7))
        path, other = place / "file", place / "renamed"
        written = self.step("write", lambda: path.write_bytes(text))
        if written is None:
            return
        got = self.step("read", path.read_bytes)
        if got is not None and got != text:
            self.wrong.append(f"{path}: {got[:30]} is not {text[:30]}")
        self.step("rename", lambda: path.rename(other))
        self.step("list", lambda: os.listdir(place))
        self.step("unlink", other.unlink)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(DEADLINE * 6)
        check(not any(thread.is_alive() for thread in self.threads), "an operation hangs")


def works(folder):
    try:
        path = folder.path / "probe"
        path.write_text(str(time.monotonic()))
        path.unlink()
        return True
    except OSError:
        return False


class Matrix:
    def __init__(self, folder, proxy):
        self.folder, self.proxy, self.problems, self.slow, self.lines, self.said = folder, proxy, [], [], [], ""
        self.say(f"{'fault, under load':<28}{'ops':>6}{'failed':>8}{'slowest':>11}{'requests':>10}{'back after':>11}  errors")

    def say(self, line):
        """scripts/test.sh shows the file: ctest shows nothing of a test that passes."""
        print(line, flush=True)
        self.lines.append(line)
        (pathlib.Path(os.environ["STSFS_BUILD"]) / "fault-matrix.txt").write_text("\n".join(self.lines) + "\n")

    def row(self, name, begin, end, seconds=FAULT, may_fail=True, requests_max=None):
        """One fault under load. `requests_max`: of the vending server, while it lasts."""
        wait_until(lambda: works(self.folder), 30, f"a mount that works before: {name}")
        load = Load(self.folder)
        time.sleep(0.5)
        before = self.proxy.count
        begin()
        time.sleep(seconds)
        during = self.proxy.count - before
        self.said = said = self.folder.status()["credential"]["last_error"]
        end()
        start = time.monotonic()
        wait_until(lambda: works(self.folder), 60, f"recovery by itself after: {name}; {said}")
        recovered = time.monotonic() - start
        load.stop()
        # 8 workers that wait must not be 8 askers; a failing server is asked less and less often.
        limit = requests_max or int(seconds * 2 + 6)
        self.say(f"{name:<28}{load.done:>6}{load.failed:>8}{load.slowest:>9.1f} s{during:>10}{recovered:>9.1f} s  "
                 f"{', '.join(f'{n} {what}' for what, n in load.errors.items()) or '-'}")
        self.note(load.wrong, f"{name}: wrong data: {load.wrong[:3]}")
        self.note(load.failed and not may_fail, f"{name}: {load.failed} operations failed: {load.errors}")
        if load.slowest > DEADLINE * 3 + 5:
            self.slow.append(f"{name}: an operation took {load.slowest:.1f} s")
        self.note(during > limit, f"{name}: {during} requests for credentials in {seconds} s, more than {limit}")
        self.note(not load.done, f"{name}: there was no load")

    def note(self, wrong, message):
        if wrong:
            self.problems.append(message)

    def fault(self, name, kind, **more):
        def begin():
            self.proxy.fault = kind

        def end():
            self.proxy.fault = None
        self.row(name, begin, end, **more)

    def sts_fault(self, name, what, **more):
        """The vending server is well, and STS behind it is not."""
        self.row(name, lambda: self.folder.admin("POST", "/faults", dict(what, operation="AssumeRole")),
                 lambda: self.folder.admin("DELETE", "/faults"), **more)


def certificate(work, name):
    key, cert = work / f"{name}.key", work / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key),
                    "-out", str(cert)], check=True, capture_output=True)
    return str(cert), str(key)


def read_only(folder, proxy):
    """A grant that is read-only from now on takes effect without a remount, and back."""
    proxy.fault = "ro"
    folder.stsfs("refresh", str(folder.path))

    def refused():
        try:
            (folder.path / "not allowed").write_text("x")
            return False
        except OSError as error:
            return error.errno == 30
    wait_until(refused, 30, "EROFS after the grant became read-only")
    proxy.fault = None
    folder.stsfs("refresh", str(folder.path))
    wait_until(lambda: works(folder), 30, "writes after the grant is read-write again")
    print("permissions rw -> ro -> rw: without a remount")


def space(folder, proxy):
    """Quota and use as the server says them, at each renewal."""
    def shown():
        found = os.statvfs(folder.path)
        return found.f_blocks * found.f_frsize, found.f_bfree * found.f_frsize
    unlimited = shown()
    proxy.fault = "quota"
    folder.stsfs("refresh", str(folder.path))
    wait_until(lambda: shown() == (10 << 30, 7 << 30), 30, f"df to show 10 GiB, 3 of them used, not {shown()}")
    proxy.fault = None
    folder.stsfs("refresh", str(folder.path))
    wait_until(lambda: shown() == unlimited, 30, "df to show no quota again")
    print("quota and use: as the server says, without a remount")


def other_prefix(folder, proxy):
    proxy.fault = "prefix"
    said = folder.stsfs("refresh", str(folder.path), wanted=None)
    proxy.fault = None
    check("another folder" in said and "remedy" in said, f"another prefix was not refused clearly: {said}")
    check(folder.status()["folder"]["prefix"] == "users/alice/", "the mount followed to another prefix")


def revoke_session(folder):
    """OSS refuses the present key from now on. One that was renewed in the meantime nobody uses: then once more."""
    before = answers(folder, "InvalidAccessKeyId")

    def refused():
        folder.admin("POST", "/revoke", {"access_key_id": folder.status()["credential"]["access_key_id"]})
        time.sleep(0.5)
        return answers(folder, "InvalidAccessKeyId") > before
    wait_until(refused, 30, "OSS to refuse a revoked key")


def matrix(folder, proxy, clock):
    table = Matrix(folder, proxy)
    table.fault("slow (3 s an answer)", "slow", may_fail=False)
    table.fault("away", "away")
    table.fault("500", "500")
    table.fault("429, Retry-After 2", "429", requests_max=FAULT // 2 + 3)
    table.fault("wrong JSON", "json")
    table.fault("already expired reply", "expired")
    table.fault("other prefix", "prefix")
    table.fault("a key OSS does not know", "unknown")
    table.sts_fault("STS slow (3 s an answer)", {"latency_ms": 3000}, may_fail=False)
    table.sts_fault("STS away", {"reset_before": True})
    table.sts_fault("STS 500", {"status": 500, "code": "InternalError"})
    table.sts_fault("STS throttling", {"status": 429, "code": "Throttling.User"})
    table.sts_fault("STS answers half of it", {"truncate_at": 40})
    table.sts_fault("STS refuses the role", {"status": 403, "code": "NoPermission"})

    def change():
        proxy.now = 1

    def change_back():
        proxy.now = 0
    table.row("TLS certificate changed", change, change_back)
    for part in (proxy.url, "certificate is not trusted", "cacert=FILE", "whether it was changed"):
        table.note(part not in table.said, f"another certificate: the reason lacks '{part}': {table.said}")
    table.row("token refused by OSS now", lambda: revoke_session(folder), lambda: None, seconds=1, may_fail=False)
    for offset in (3600, -3600):
        table.row(f"clock {offset:+d} s", lambda: clock.write_text(str(offset)), lambda: None, may_fail=False)
        clock.write_text("0")
    pid = folder.status()["pid"]
    table.row(f"asleep for {TTL + 2} s", lambda: asleep(pid, TTL + 2), lambda: None, seconds=1)
    # What OSS calls a dead credential, and whether it looks at the time first, its documentation leaves open.
    switches = ("expired_answers_invalid_access_key_id", "time_checked_before_token")
    for name, other_way, code in (("ends before it is said to", False, "SecurityTokenExpired"),
                                  ("the same, other answers", True, "InvalidAccessKeyId")):
        folder.admin("POST", "/switches", dict.fromkeys(switches, other_way))
        before = answers(folder, code)
        table.fault(name, "long", seconds=2 * TTL, may_fail=False)
        table.note(answers(folder, code) == before, f"{name}: OSS never answered {code}")
    folder.admin("POST", "/switches", dict.fromkeys(switches, False))
    check(not table.problems, "\n".join(table.problems + table.slow))
    in_time(not table.slow, "\n".join(table.slow))


def answers(folder, code):
    return folder.admin("GET", "/counters")["codes"].get(code, 0)


def asleep(pid, seconds):
    """Stopped over the expiry of its credential, as a suspended machine is."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def one_flight(folder, proxy):
    """Many operations that wait for a credential are one request: the server lets that one wait until all are there."""
    def is_dead():
        expires = datetime.datetime.fromisoformat(folder.status()["credential"]["expiration"])
        return expires < datetime.datetime.now(datetime.timezone.utc)
    proxy.fault = "away"
    wait_until(is_dead, 60, "the credential to die")  # and no longer: waiting is given up soon after
    proxy.gate.clear()
    proxy.fault = "gate"
    begun = threading.Semaphore(0)

    def look(number):
        begun.release()
        try:
            os.stat(folder.path / f"no such {number}")
        except OSError as error:
            return error.errno
    threading.stack_size(256 << 10)
    with concurrent.futures.ThreadPoolExecutor(WAITING) as pool:
        waiting = [pool.submit(look, number) for number in range(WAITING)]
        for _ in range(WAITING):
            begun.acquire()
        wait_until(lambda: proxy.waiting > 0, 60, "the one request")
        before = proxy.count
        proxy.fault = None
        opened = time.monotonic()
        proxy.gate.set()
        codes = [one.result() for one in waiting]
        took = time.monotonic() - opened
    asked = proxy.count - before + 1
    print(f"{WAITING} operations that waited: {asked} request(s), {codes.count(errno.ENOENT)} answered, others: "
          f"{[errno.errorcode[code] for code in set(codes) - {errno.ENOENT}]}")
    # A machine that is busy for seconds with so many threads sees the renewals that fall due meanwhile.
    check(asked <= 2 + took / (TTL / 2), f"{WAITING} waiting operations caused {asked} requests in {took:.1f} s")
    check(codes.count(errno.ENOENT) > WAITING // 2, f"{codes.count(errno.ENOENT)} of {WAITING} were answered")


def soak(folder, seconds):
    """Credentials that live some seconds under a mixed load: not one error."""
    load = Load(folder)
    time.sleep(seconds)
    load.stop()
    status = folder.status()["credential"]
    print(f"soak of {seconds} s: {load.done} operations, {load.failed} failed, {status['renewals']} renewals, "
          f"{status['replays']} replays, slowest {load.slowest:.1f} s")
    check(load.failed == 0 and not load.wrong, f"soak: {load.errors} {load.wrong[:3]}")


def mount(folder, proxy, deadline):
    """With a wall clock that the test sets."""
    env = folder.env
    folder.env = dict(env, LD_PRELOAD=os.environ["STSFS_STEP_CLOCK"])
    folder.stsfs("mount", proxy.url, str(folder.path), "-o",
                 f"metadata_timeout={deadline},read_timeout={deadline},commit_timeout={deadline}")
    folder.env = env


def main():
    with Folder(ttl=TTL) as folder, tempfile.TemporaryDirectory() as certificates:
        folder.stsfs("umount", str(folder.path))
        place = pathlib.Path(certificates)
        proxy = Proxy(folder.VEND_URL.rstrip("/"), [certificate(place, "one"), certificate(place, "two")])
        clock = folder.work / "clock"
        clock.write_text("0")
        folder.env.update(STSFS_CLOCK_FILE=str(clock), STSFS_CACERT=proxy.certificates[0][0])
        password = (pathlib.Path(folder.STATE_DIR) / "password").read_text()
        folder.stsfs("login", proxy.url, "--user", "alice", "--password-stdin", input=password)
        mount(folder, proxy, DEADLINE)
        if sys.argv[1:2] == ["--soak"]:
            soak(folder, int(sys.argv[2]))
            return
        if sys.argv[1:2] == ["--one-flight"]:
            # Thousands of threads take a busy machine a while to start, and all of them have to wait.
            folder.stsfs("umount", str(folder.path))
            mount(folder, proxy, 60)
            one_flight(folder, proxy)
            wait_until(lambda: works(folder), 30, "work to go on")
            return
        matrix(folder, proxy, clock)
        other_prefix(folder, proxy)
        read_only(folder, proxy)
        space(folder, proxy)
        soak(folder, 300 if FULL else 20)


if __name__ == "__main__":
    sys.exit(main())
