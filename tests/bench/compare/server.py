"""What stands behind a mount: stsfs-sim, or for the pass-through a directory. Both are seeded, compared and counted past
the mount."""

import ctypes
import datetime
import hashlib
import hmac
import http.client
import json
import mmap
import os
import pathlib
import shutil
import time
import urllib.parse

import processes
from processes import Failed

BUCKET = "examplebucket"
REGION = "cn-hangzhou"
_PIECE = 1 << 20
_MEMCMP = ctypes.CDLL(None).memcmp
_MEMCMP.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
_CHANGES = ("Put", "Post", "Append", "Upload", "Complete", "Copy", "Delete", "Rename", "Initiate", "Create")


def files_below(local):
    """Every file by its name relative to `local`; a single file under the empty name."""
    local = pathlib.Path(local)
    if local.is_file():
        return {"": local}
    out = {}
    for folder, _, names in os.walk(local):
        for name in names:
            file = pathlib.Path(folder, name)
            out[str(file.relative_to(local))] = file
    return out


class Reference:
    """A file whose bytes are compared with others, a piece at a time."""

    def __init__(self, path):
        self.size = os.path.getsize(path)
        self.file = open(path, "rb")
        self.map = mmap.mmap(self.file.fileno(), 0, mmap.MAP_PRIVATE) if self.size else None
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.map)) if self.size else 0

    def holds(self, buffer, count, offset):
        """True when the `count` bytes of the buffer are those at `offset`."""
        if offset + count > self.size:
            return False
        address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
        return count == 0 or _MEMCMP(address, self.address + offset, count) == 0


class Simulator:
    """stsfs-sim in memory: the objects, the counters and the profiles."""

    def __init__(self, program, place):
        key_file = place / "admin.json"
        self.key_file = key_file
        self.process = processes.begin([program, "--bucket", BUCKET, "--region", REGION, "--init-admin", key_file],
                                       place / "simulator.out")
        values = {}
        until = time.monotonic() + 20
        while "READY" not in values:
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"stsfs-sim does not start: {(place / 'simulator.out').read_text()}")
            time.sleep(0.02)
            lines = (place / "simulator.out").read_text().splitlines()
            values = dict(line.split("=", 1) for line in lines if "=" in line)
        self.endpoint = values["OSS_ENDPOINT"]
        self.admin = urllib.parse.urlparse(values["ADMIN_ENDPOINT"]).netloc
        key = json.loads(key_file.read_text())
        self.id, self.secret = key["AccessKeyId"], key["AccessKeySecret"]
        self.connection = None

    def end(self):
        processes.end([self.process.pid])

    # --- the admin port: not counted, past profile and faults ---

    def _ask(self, method, path, body=None):
        """The answer, its body unread. A connection that the simulator closed meanwhile is made anew."""
        headers = {"Content-Length": str(os.fstat(body.fileno()).st_size)} if hasattr(body, "fileno") else {}
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.admin, timeout=60)
            try:
                if hasattr(body, "seek"):
                    body.seek(0)
                self.connection.request(method, path, body, headers)
                return self.connection.getresponse()
            except (http.client.HTTPException, OSError):
                self.connection.close()
                self.connection = None
                if attempt == 2:
                    raise

    def _ask_json(self, method, path, body=None):
        answer = self._ask(method, path, body)
        text = answer.read()
        if answer.status >= 300:
            raise Failed(f"{method} {path}: {text.decode(errors='replace').strip()}")
        return json.loads(text)

    @staticmethod
    def _place(key, what=""):
        return f"/objects{what}?bucket={BUCKET}&key={urllib.parse.quote(key, safe='')}"

    def set_profile(self, latency_ms, bytes_per_second):
        self._ask_json("POST", "/profile", json.dumps({"latency_ms": latency_ms, "bytes_per_second": bytes_per_second}))

    def make_folder(self, prefix):
        self._ask_json("PUT", self._place(prefix.rstrip("/") + "/"), b"")

    def seed(self, key, local):
        for name, file in files_below(local).items():
            with open(file, "rb") as body:
                self._ask_json("PUT", self._place(f"{key}/{name}" if name else key), body)

    def objects(self, prefix):
        """Sizes by key, without what stands for a directory."""
        listed = self._ask_json("GET", f"/objects?bucket={BUCKET}&prefix={urllib.parse.quote(prefix, safe='')}")["objects"]
        return {entry["key"]: entry["size"] for entry in listed if not entry["key"].endswith("/")}

    def remove(self, prefix):
        listed = self._ask_json("GET", f"/objects?bucket={BUCKET}&prefix={urllib.parse.quote(prefix, safe='')}")["objects"]
        for entry in listed:
            self._ask("DELETE", self._place(entry["key"])).read()

    def fetch(self, key, local):
        answer = self._ask("GET", self._place(key, "/content"))
        if answer.status != 200:
            answer.read()
            raise Failed(f"{key} is not on the server")
        local.parent.mkdir(parents=True, exist_ok=True)
        with open(local, "wb") as out:
            shutil.copyfileobj(answer, out, _PIECE)

    def download(self, prefix, local):
        """What lies below the prefix, as files below `local`. Removals may still be under way: what goes meanwhile is not
        missed."""
        for key in self.objects(prefix + "/"):
            try:
                self.fetch(key, local / key[len(prefix) + 1:])
            except Failed:
                if key in self.objects(key):
                    raise

    def differs(self, key, local):
        """None when the object holds the bytes of the file `local`; else what is wrong."""
        reference = Reference(local)
        answer = self._ask("GET", self._place(key, "/content"))
        if answer.status != 200:
            answer.read()
            return f"{key} is not on the server"
        buffer, at, wrong = bytearray(_PIECE), 0, None
        while count := answer.readinto(buffer):
            if wrong is None and not reference.holds(buffer, count, at):
                wrong = f"{key}: wrong bytes on the server near {at}"
            at += count
        return wrong or (f"{key}: {at} bytes on the server, not {reference.size}" if at != reference.size else None)

    # --- counters ---

    def forget_counts(self):
        self._ask_json("POST", "/counters/reset", b"")

    def counts(self):
        """Requests by kind, bytes up, bytes down, since they were forgotten."""
        operations = self._ask_json("GET", "/counters")["operations"]
        return ({name: count["requests"] for name, count in operations.items()},
                sum(count["bytes_in"] for count in operations.values()),
                sum(count["bytes_out"] for count in operations.values()))

    def changes_since(self, number):
        """(the number of the latest request, when the last one that changed something was answered, in seconds of
        time.time()), of those after request `number`; None without any."""
        latest, changed = number, None
        for record in self._ask_json("GET", f"/log?since={number}")["requests"]:
            latest = max(latest, record["number"])
            if record["status"] < 400 and record["operation"].startswith(_CHANGES):
                began = datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00")).timestamp()
                changed = max(changed or 0.0, began + record["duration_us"] / 1e6)
        return latest, changed

    # --- for curl ---

    def signed_headers(self, method, key):
        """OSS V4, for one request that may also carry a Range."""
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        headers = {"x-oss-content-sha256": "UNSIGNED-PAYLOAD", "x-oss-date": stamp}
        if method == "PUT":
            headers["content-type"] = "application/octet-stream"
        signed = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
        path = f"/{BUCKET}/{urllib.parse.quote(key, safe='/-_.~')}"
        canonical = f"{method}\n{path}\n\n{signed}\n\nUNSIGNED-PAYLOAD"
        scope = f"{day}/{REGION}/oss/aliyun_v4_request"
        text = f"OSS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signing = ("aliyun_v4" + self.secret).encode()
        for part in scope.split("/"):
            signing = hmac.digest(signing, part.encode(), "sha256")
        signature = hmac.digest(signing, text.encode(), "sha256").hex()
        headers["authorization"] = f"OSS4-HMAC-SHA256 Credential={self.id}/{scope},Signature={signature}"
        return headers

    def url(self, key):
        return f"{self.endpoint}/{BUCKET}/{urllib.parse.quote(key)}"


class Directory:
    """The backing directory of the pass-through, with the same questions. It counts nothing."""

    def __init__(self, root):
        self.root = pathlib.Path(root)

    def set_profile(self, latency_ms, bytes_per_second):
        assert latency_ms == 0 and bytes_per_second == 0

    def make_folder(self, prefix):
        (self.root / prefix).mkdir(parents=True, exist_ok=True)

    def seed(self, key, local):
        target = self.root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        if pathlib.Path(local).is_dir():
            shutil.copytree(local, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(local, target)

    def objects(self, prefix):
        root = self.root / prefix
        if root.is_file():
            return {prefix: root.stat().st_size}
        return {f"{prefix.rstrip('/')}/{name}": file.stat().st_size for name, file in files_below(root).items()}

    def remove(self, prefix):
        shutil.rmtree(self.root / prefix, ignore_errors=True)

    def download(self, prefix, local):
        shutil.copytree(self.root / prefix, local, dirs_exist_ok=True)

    def fetch(self, key, local):
        shutil.copyfile(self.root / key, local)

    def differs(self, key, local):
        target, reference = self.root / key, Reference(local)
        if not target.is_file() or target.stat().st_size != reference.size:
            return f"{key}: another size than it should have"
        buffer, at = bytearray(_PIECE), 0
        with open(target, "rb", buffering=0) as file:
            while count := file.readinto(buffer):
                if not reference.holds(buffer, count, at):
                    return f"{key}: wrong bytes near {at}"
                at += count
        return None

    def forget_counts(self):
        pass

    def counts(self):
        return {}, 0, 0

    def changes_since(self, number):
        return number, None


def wrong_on(server, key, local):
    """None when exactly what is at `local`, a file or a tree, is on the server at `key`; else the first thing wrong."""
    expected = {f"{key}/{name}" if name else key: file for name, file in files_below(local).items()}
    there = server.objects(key if "" in files_below(local) else key + "/")
    for name in sorted(set(expected) ^ set(there)):
        return f"{name} is {'missing' if name in expected else 'too much'} on the server"
    for name, file in expected.items():
        if problem := server.differs(name, file):
            return problem
    return None
