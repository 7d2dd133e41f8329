#!/usr/bin/env python3
"""How fast stsfs-sim is: small signed requests a second, and ranged GETs against nginx.

usage: sim_bench.py [--bin build/release/bin] [--seconds 8]

Needs wrk and nginx: scripts/setup.sh --bench installs them. Every small request has a signature of its own, made before the clock runs. The
client shares the machine with the server, so the rates are of both; nginx is measured the same way.
What a small request costs the server alone is its processor time, which is shown, too: two cores have
2,000,000 us a second. http_ceiling answers 200 to the same requests without looking at them.
"""
import argparse
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

# Where Debian has nginx, which is not on everybody's PATH.
os.environ["PATH"] += ":/usr/sbin"

BUCKET = "examplebucket"
DISTINCT = 200_000  # signatures, so that none comes twice in a run
LARGE = 1 << 30
RANGE = 8 << 20

LUA_SMALL = """
local requests = {}
local count = 0
local at = 0
function init(args)
  local file = io.open(args[1], "rb")
  for request in string.gmatch(file:read("*a"), "(.-)\\1") do count = count + 1; requests[count] = request end
  file:close()
  at = math.floor(count / 2 * (tonumber(args[2]) or 0))
end
function request()
  at = at % count + 1
  return requests[at]
end
"""

LUA_RANGE = """
local part = 0
function request()
  part = (part + 1) %% %d
  wrk.headers["Range"] = "bytes=" .. part * %d .. "-" .. (part + 1) * %d - 1
  return wrk.format("GET")
end
"""


class Signer:
    """OSS V4, header form."""

    def __init__(self, key_file):
        key = json.loads(pathlib.Path(key_file).read_text())
        self.id, self.secret = key["AccessKeyId"], key["AccessKeySecret"]
        now = datetime.datetime.now(datetime.timezone.utc)
        self.time, self.day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        self.scope = f"{self.day}/cn-hangzhou/oss/aliyun_v4_request"
        key = ("aliyun_v4" + self.secret).encode()
        for part in self.scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        self.key = key

    def headers(self, method, key, extra=None):
        headers = {"x-oss-content-sha256": "UNSIGNED-PAYLOAD", "x-oss-date": self.time, **(extra or {})}
        signed = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()) if name.startswith("x-oss-") or name == "content-type")
        path = "/" + BUCKET + "/" + urllib.parse.quote(key, safe="/-_.~")
        canonical = f"{method}\n{path}\n\n{signed}\n\nUNSIGNED-PAYLOAD"
        text = f"OSS4-HMAC-SHA256\n{self.time}\n{self.scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self.key, text.encode(), "sha256").hex()
        headers["Authorization"] = f"OSS4-HMAC-SHA256 Credential={self.id}/{self.scope},Signature={signature}"
        return headers


def run_wrk(url, seconds, script, arguments=(), headers=None):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = ["wrk", "-t1", "-c16", f"-d{seconds}s", "-s", file.name]
        for name, value in (headers or {}).items():
            command += ["-H", f"{name}: {value}"]
        out = subprocess.run(command + [url, "--", *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(out)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    size, unit = re.search(r"Transfer/sec:\s+([\d.]+)(\w+)", out).groups()
    return rate, float(size) * {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}[unit]


def put(endpoint, signer, key, body):
    headers = signer.headers("PUT", key, {"content-type": "application/octet-stream"})
    request = urllib.request.Request(f"{endpoint}/{BUCKET}/{key}", data=body, headers=headers, method="PUT")
    urllib.request.urlopen(request).close()


def processor_time(pid):
    """In seconds, of all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def small_gets(what, endpoint, pid, signer, seconds, path):
    host = urllib.parse.urlparse(endpoint).netloc
    with open(path, "w") as file:
        for i in range(DISTINCT):
            key = f"small/{i % 1000}"
            headers = signer.headers("GET", key, {"x-oss-bench": str(i)})
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            file.write(f"GET /{BUCKET}/{key} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n\1")
    before = processor_time(pid)
    rate, _ = run_wrk(endpoint, seconds, LUA_SMALL, [str(path)])
    each = (processor_time(pid) - before) / (rate * seconds)
    print(f"GET of 512 bytes, each signed by itself: {what} {rate:,.0f} requests/s, "
          f"{each * 1e6:.0f} us of processor time each: {2 / each:,.0f}/s on two cores of its own")


def small_requests(endpoint, pid, signer, args, folder):
    for i in range(1000):
        put(endpoint, signer, f"small/{i}", b"x" * 512)
    small_gets("sim", endpoint, pid, signer, args.seconds, folder / "requests")
    ceiling = subprocess.Popen([f"{args.bin}/http_ceiling"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port = ceiling.stdout.readline().strip().removeprefix("PORT=")
        small_gets("libmicrohttpd alone", f"http://127.0.0.1:{port}", ceiling.pid, signer, args.seconds, folder / "requests")
    finally:
        ceiling.stdin.close()
        ceiling.wait()


def nginx(folder, port):
    # Nothing of the machine's own nginx, so that anybody may run it.
    temporary = " ".join(f"{what}_temp_path {folder};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(f"""
user root; worker_processes 2; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{ access_log off; sendfile on; sendfile_max_chunk 8m; {temporary} keepalive_requests 10000000;
  server {{ listen 127.0.0.1:{port}; root {folder}; }} }}
""")
    errors = folder / "error.log"
    server = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(errors)],
                              stderr=subprocess.DEVNULL)
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return server
        except ConnectionRefusedError:
            time.sleep(0.01)
    raise SystemExit("nginx does not start: " + (errors.read_text() if errors.exists() else "it says nothing"))


def ranged_gets(endpoint, signer, seconds, folder):
    content = os.urandom(1 << 20) * (LARGE >> 20)
    put(endpoint, signer, "large", content)
    (folder / "large").write_bytes(content)
    script = LUA_RANGE % (LARGE // RANGE, RANGE, RANGE)
    server = nginx(folder, 18080)
    try:
        rates = {"sim": [], "nginx": []}
        for _ in range(3):  # in turns: the machine is not alone
            rates["nginx"].append(run_wrk("http://127.0.0.1:18080/large", seconds, script)[1])
            rates["sim"].append(run_wrk(f"{endpoint}/{BUCKET}/large", seconds, script, headers=signer.headers("GET", "large"))[1])
    finally:
        server.terminate()
        server.wait()
    sim, other = (sorted(rates[name])[1] for name in ("sim", "nginx"))
    print(f"ranges of 8 MiB of a 1 GiB object: sim {sim / 1e9:.2f} GB/s, nginx {other / 1e9:.2f} GB/s: {sim / other:.0%}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--only", choices=["small", "ranges"])
    args = parser.parse_args()
    missing = [program for program in ("wrk", "nginx") if shutil.which(program) is None
               and not (program == "nginx" and args.only == "small")]
    if missing:
        raise SystemExit(f"sim_bench: not installed: {', '.join(missing)}; scripts/setup.sh --bench installs what is needed")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = pathlib.Path(name)
        sim = subprocess.Popen([f"{args.bin}/stsfs-sim", "--init-admin", str(folder / "admin.json")], stdout=subprocess.PIPE, text=True)
        try:
            ready = {}
            while "READY" not in ready:
                name, _, value = sim.stdout.readline().strip().partition("=")
                ready[name] = value
            signer = Signer(folder / "admin.json")
            if args.only != "ranges":
                small_requests(ready["OSS_ENDPOINT"], sim.pid, signer, args, folder)
            if args.only != "small":
                ranged_gets(ready["OSS_ENDPOINT"], signer, args.seconds, folder)
        finally:
            sim.terminate()
            sim.wait()


if __name__ == "__main__":
    main()
