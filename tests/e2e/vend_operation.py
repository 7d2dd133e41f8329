#!/usr/bin/env python3
"""stsfs-vend as it is run: TLS and its certificates, keys replaced under way, reloads, another user, commands."""
import http.client
import json
import os
import pathlib
import pwd
import shutil
import signal
import ssl
import subprocess
import sys
import time

from certificates import make_ca, make_certificate, openssl
from scenarios import run
from bounds import in_time
from servers import BIN, PASSWORD, Servers, ask, check
from terminal import type_at, wait_for

SKIPPED = 77

class Secure:
    """Connections over TLS that trust the test's CA."""

    def __init__(self, work, url, client=None, newest=None):
        self.context = ssl.create_default_context(cafile=str(work / "ca.crt"))
        if client:
            self.context.load_cert_chain(work / f"{client}.crt", work / f"{client}.key")
        if newest:
            self.context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            self.context.maximum_version = newest
            self.context.set_ciphers("DEFAULT@SECLEVEL=0")
        self.connection = http.client.HTTPSConnection(url.removeprefix("https://"), context=self.context, timeout=120)

    def get(self, path):
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers

    def name(self):
        """The common name on the server's certificate."""
        return dict(pair[0] for pair in self.connection.sock.getpeercert()["subject"])["commonName"]


def tls(work):
    make_ca(work, "ca")
    for name in ("first", "second", "client"):
        make_certificate(work, "ca", name)
    make_ca(work, "stranger")
    shutil.copy(work / "first.crt", work / "server.crt")
    shutil.copy(work / "first.key", work / "server.key")
    servers = Servers(work, top=f'tls_certificate = "{work}/server.crt"\ntls_key = "{work}/server.key"')
    try:
        old = Secure(work, servers.url)
        status, _, headers = old.get("/healthz")
        check(status == 200 and headers["Strict-Transport-Security"], f"{status} {headers}")
        check(old.name() == "first", old.name())
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            try:
                Secure(work, servers.url, newest=version).get("/healthz")
                check(False, f"{version.name} was spoken")
            except ssl.SSLError as error:
                # The server closes the connection without an alert.
                check("EOF" in str(error) or "ALERT" in str(error).upper(), f"not the server refused it: {error}")
        check(Secure(work, servers.url, newest=ssl.TLSVersion.TLSv1_2).get("/healthz")[0] == 200, "TLS 1.2 is refused")
        shutil.copy(work / "second.crt", work / "server.crt")
        shutil.copy(work / "second.key", work / "server.key")
        reload(servers)
        new = Secure(work, servers.url)
        new.get("/healthz")
        check(new.name() == "second", f"after the reload: {new.name()}")
        before = old.connection.sock
        check(old.get("/healthz")[0] == 200 and old.connection.sock is before, "the old connection was dropped")
        (work / "server.key").write_text("no key")
        servers.vend.send_signal(signal.SIGHUP)
        wait_for(lambda: "stays as it was" in log_of(servers), "the log to say what is wrong")
        check(Secure(work, servers.url).get("/healthz")[0] == 200, "a bad certificate ended a good server")
        shutil.copy(work / "second.key", work / "server.key")
        config = work / "vend.toml"
        config.write_text(f'tls_client_ca = "{work}/ca.crt"\n' + config.read_text())
        reload(servers)
        check(Secure(work, servers.url).get("/healthz")[0] == 403, "no certificate was asked for")
        check(Secure(work, servers.url, client="client").get("/healthz")[0] == 200, "a good certificate was refused")
        with_certificate(work, servers)
        print("certificates: replaced under way, no connection dropped; TLS 1.0 and 1.1 refused; clients' are checked")
    finally:
        servers.stop()


def with_certificate(work, servers):
    """stsfs itself, at a server that asks for a certificate."""
    env = dict(os.environ, XDG_STATE_HOME=str(work / "state"), XDG_CONFIG_HOME=str(work / "config"))

    def stsfs(command, options, wanted):
        done = subprocess.run([BIN / "stsfs", *command, servers.url, "-o", f"cacert={work}/ca.crt{options}"], env=env,
                              input=PASSWORD + "\n", text=True, capture_output=True, timeout=300)
        servers.note("" if command[0] == "credentials" else done.stdout + done.stderr, env["XDG_STATE_HOME"])
        check((done.returncode == 0) == (wanted is None), f"{command} {options}: {done.stdout}{done.stderr}")
        check(wanted is None or wanted in done.stderr, f"wanted {wanted!r}: {done.stderr}")

    login = ("login", "--user", "alice", "--password-stdin")
    shown = f",client_cert={work}/client.crt,client_key={work}/client.key"
    stsfs(login, "", "client_cert=")
    stsfs(login, f",client_cert={work}/client.crt", "belong together")
    os.chmod(work / "client.key", 0o644)
    stsfs(login, shown, "chmod 600")
    os.chmod(work / "client.key", 0o600)
    stsfs(login, shown, None)
    stsfs(("credentials", "--process"), shown, None)
    stsfs(("logout",), shown, None)


def log_of(servers):
    return (servers.work / "vend.log").read_text()


def reload(servers):
    count = log_of(servers).count("configuration reloaded")
    servers.vend.send_signal(signal.SIGHUP)
    wait_for(lambda: log_of(servers).count("configuration reloaded") > count, "the reload: " + log_of(servers)[-500:])


def keys(work):
    servers = Servers(work, more="[limits]\nrequests_per_second = 0\n")
    try:
        good = json.loads((work / "key.json").read_text())
        bad = {"AccessKeyId": "LTAI5tgone", "AccessKeySecret": "x" * 30}

        def replace(text):
            count = log_of(servers).count("is used from now on")
            (work / "key.new").write_text(json.dumps(text))
            os.rename(work / "key.new", work / "key.json")
            wait_for(lambda: log_of(servers).count("is used from now on") > count, "the new key to be seen")

        def credentials(name):
            servers_user(servers, name)
            token = ask(servers.url, "/v1/login", {"username": name, "password": PASSWORD})[1]["token"]
            return ask(servers.url, "/v1/credentials", None, token)[0]

        check(credentials("one") == 200, "the first key does not work")
        replace([bad, good])
        check(credentials("two") == 200, "the second key was not tried")
        replace(bad)
        check(credentials("three") == 503, "a key that is gone gave a credential")
        (work / "key.json").write_text("no key")
        wait_for(lambda: "the AccessKey stays as it was" in log_of(servers), "the log to name a bad key file")
        os.chmod(work / "key.json", 0o600)
        replace(good)
        wait_for(lambda: credentials_again(servers, "three") == 200, "the good key to be used")
        other_file(servers, good, bad)
        print("keys: replaced without a restart, two of them overlap")
    finally:
        servers.stop()


def other_file(servers, good, bad):
    """After a reload that names another file that one counts, and the old one no more."""
    config, other = servers.work / "vend.toml", servers.work / "other-key.json"
    other.write_text(json.dumps(good))
    config.write_text(config.read_text().replace("/key.json", "/other-key.json")
                      .replace("requests_per_second = 0", "requests_per_second = 0\nidle_timeout_seconds = 7"))
    reload(servers)
    check("only a restart changes limits.idle_timeout_seconds" in log_of(servers), log_of(servers)[-500:])
    (servers.work / "key.json").write_text("no key")  # no harm: nobody looks at it
    count = log_of(servers).count("is used from now on")
    other.write_text(json.dumps([bad, good]))
    wait_for(lambda: log_of(servers).count("is used from now on") > count, "the file that the reload named to be watched")
    check(log_of(servers).count("stays as it was") == 1, "the file that was named before is still watched")


def servers_user(servers, name):
    subprocess.run([BIN / "stsfs-vend", "user", "add", name, "--config", servers.work / "vend.toml",
                    "--password-stdin"], input=PASSWORD + "\n", text=True, check=True)


def credentials_again(servers, name):
    token = ask(servers.url, "/v1/login", {"username": name, "password": PASSWORD})[1]["token"]
    return ask(servers.url, "/v1/credentials", None, token)[0]


def commands(work):
    servers = Servers(work, more="[limits]\nlockout_failures = 3\n")
    try:
        for _ in range(3):
            ask(servers.url, "/v1/login", {"username": "alice", "password": "wrong"})
        check(ask(servers.url, "/v1/login", {"username": "alice", "password": PASSWORD})[0] == 429, "not locked")
        check(servers.command("user", "unlock", "alice")[0] == 0, "unlock failed")
        status, answer = ask(servers.url, "/v1/login", {"username": "alice", "password": PASSWORD})
        check(status == 200, f"still locked: {answer}")
        check(servers.command("user", "groups", "alice", "staff", "admins")[0] == 0, "groups failed")
        check("admins,staff" in servers.command("user", "list")[1], servers.command("user", "list")[1])
        identifier = servers.command("token", "list", "alice")[1].split("\t")[0]
        check(servers.command("token", "revoke", identifier)[0] == 0, "revoke failed")
        check(ask(servers.url, "/v1/whoami", None, answer["token"])[0] == 401, "a revoked token is good")
        code, lines = servers.command("audit", "--user", "alice", "--action", "login", "--denied")
        check(code == 0 and len(lines.splitlines()) == 3, lines)
        for line in lines.splitlines():
            check(json.loads(line)["reason"] == "wrong password", line)
        check(servers.command("check-config", "--ask-sts")[0] == 0, "the configuration is good")
        check(servers.command("user", "delete", "alice")[0] == 0, "delete failed")
        check(servers.command("user", "delete", "alice")[0] == 1, "deleted twice")
        start = time.monotonic()
        servers.vend.terminate()
        check(servers.vend.wait(20) == 0, "it did not end well")
        in_time(time.monotonic() - start < 12, f"it ended after {time.monotonic() - start:.1f} s")
        print("commands: lock and unlock, groups, tokens, audit; TERM ends it")
    finally:
        servers.stop()


def refuses(servers, command, text, wanted):
    """The command ends with `text` as its configuration, and says why."""
    (servers.work / "vend.toml").write_text(text)
    code, said = servers.command(command)
    check(code in (1, 2) and wanted in said, f"wanted {wanted!r}: {code} {said}")


def bad_starts(work):
    servers = Servers(work, serve=False)
    try:
        good = (work / "vend.toml").read_text()
        for what, wanted in ((good.replace("role/", "role/no-such-"), "remedy"),
                             (good.replace('listen = "127.0.0.1:0"', 'listen = "0.0.0.0:0"'), "tls_certificate"),
                             (good + "[limits]\nconections_max = 1\n", "no key of this configuration"),
                             (good.replace(str(work / "vend.db"), "/nonexistent/vend.db"), "user database"),
                             ('run_as = "no-such-user"\n' + good, "no-such-user")):
            refuses(servers, "serve", what, wanted)
        print("bad configurations: refused at the start, with the remedy")
    finally:
        servers.stop()


def checks(work):
    """check-config finds what would end or spoil a start, and makes nothing itself."""
    make_ca(work, "ca")
    for name in ("server", "other"):
        make_certificate(work, "ca", name)
    servers = Servers(work, top=f'tls_certificate = "{work}/server.crt"\ntls_key = "{work}/server.key"', serve=False)
    try:
        config = work / "vend.toml"
        good = config.read_text()
        check(servers.command("check-config")[0] == 0, "the good one is refused")
        fresh = good.replace(f"{work}/vend.db", f"{work}/fresh.db").replace("audit.log", "fresh.log")
        config.write_text(fresh)
        check(servers.command("check-config") == (0, ""), "a first start is refused")
        check(not list(work.glob("fresh*")), f"the check made {list(work.glob('fresh*'))}: whose are they?")
        os.chmod(work / "vend.db", 0o644)
        for what, wanted in ((good, "chmod 600"),
                             (fresh.replace("server.key", "other.key"), "other.key is not the key of the certificate"),
                             (fresh.replace("server.crt", "vend.toml"), "PEM"),
                             (f'tls_client_ca = "{work}/vend.toml"\n' + fresh, "tls_client_ca"),
                             ('run_as = "no-such-user"\n' + fresh, "no-such-user"),
                             (fresh.replace("fresh.log", "no/such/fresh.log"), "audit_log"),
                             (fresh.replace("fresh.db", "no/such/fresh.db"), "database"),
                             (fresh.replace("fresh.db", "server.crt/fresh.db"), "not a directory"),
                             (fresh.replace(f"{work}/fresh.db", "host=127.0.0.1 port=1"), "user database"),
                             (fresh.replace("[folder]", 'ca_file = "/no-such"\n[folder]'), "sts.ca_file"),
                             (fresh.replace('"127.0.0.1:0"', '"localhost:0"'), "vend.toml:2: listen")):
            refuses(servers, "check-config", what, wanted)
        print("check-config: names what is wrong, and makes nothing")
    finally:
        servers.stop()


def typed(work):
    """`user passwd` as a person types on a terminal; Ctrl-C does not leave it without its echo."""
    servers = Servers(work, serve=False)
    try:
        def answer(*words):
            return type_at([BIN / "stsfs-vend", "user", "passwd", "alice", "--config", work / "vend.toml"],
                           *zip((b"Password: ", b"Once more: "), words))

        check(answer(b"long enough\r", b"long enough\r")[0] == 0, "two good passwords were refused")
        code, said = answer(b"long enough\r", b"long enougH\r")
        check(code == 2 and "differ" in said and "long" not in said, f"{code} {said}")
        code, said = answer(b"half a pass\x03")
        check(code == 1 and "cancelled" in said, f"{code} {said}")
        print("passwords: typed without an echo, which comes back whatever ends it")
    finally:
        servers.stop()


def permissions_are_named():
    said = subprocess.run([BIN / "stsfs-vend", "policy", "session", "--bucket", "examplebucket", "--user", "alice",
                           "--permissions", "rwx"], text=True, capture_output=True)
    check(said.returncode == 2 and "rw, ro, upload-only or shared" in said.stderr, said.stderr)


def another_user(work):
    if os.geteuid() != 0:
        print("skipped: only root can become somebody else")
        return SKIPPED
    nobody = pwd.getpwnam("nobody")
    servers = Servers(work, top='run_as = "nobody"', serve=False)
    try:
        os.chmod(work.parent, 0o711)
        for path in (work, *work.iterdir()):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        servers.serve()
        status = pathlib.Path(f"/proc/{servers.vend.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        check(fields["Uid"].split() == [str(nobody.pw_uid)] * 4, fields["Uid"])
        check(fields["CapEff"].strip() == "0" * 16 and fields["NoNewPrivs"].strip() == "1", status)
        check("0" not in fields["Groups"].split(), fields["Groups"])
        check(ask(servers.url, "/v1/login", {"username": "alice", "password": PASSWORD})[0] == 200, "no login")
        reload(servers)
        print("run_as: nothing of root is left, and a reload works")
    finally:
        servers.stop()


def main():
    permissions_are_named()
    return run("vend", tls, keys, commands, bad_starts, checks, typed, another_user)


if __name__ == "__main__":
    sys.exit(main())
