#!/usr/bin/env python3
"""rclone on the login of stsfs: by a credential process and by the credentials URI, each beside a mount.

The SDKs of Alibaba Cloud are tests/interop/credentials.test.mjs. s3fs knows neither way.
"""
import os
import shutil
import subprocess
import sys

from folder import Folder, check, wait_until

SKIPPED = 77


class Rclone:
    """Debian's, with nothing of this machine's own settings."""

    def __init__(self, folder):
        self.home = folder.work / "rclone"
        (self.home / ".aws").mkdir(parents=True)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))}
        self.env = dict(inherited, HOME=str(self.home), RCLONE_CONFIG="/dev/null", RCLONE_RETRIES="1",
                        RCLONE_LOW_LEVEL_RETRIES="1", RCLONE_CONFIG_CLOUD_TYPE="s3", RCLONE_CONFIG_CLOUD_PROVIDER="Other",
                        RCLONE_CONFIG_CLOUD_ENV_AUTH="true", RCLONE_CONFIG_CLOUD_REGION="cn-hangzhou",
                        RCLONE_CONFIG_CLOUD_ENDPOINT=folder.OSS_ENDPOINT, RCLONE_CONFIG_CLOUD_NO_CHECK_BUCKET="true",
                        **{name: value for name, value in folder.env.items() if name.startswith("XDG_")})

    def __call__(self, *words, **options):
        return subprocess.run(["rclone", *words], env=self.env, text=True, capture_output=True, timeout=300, **options)


def works(folder, rclone, name):
    own = f"cloud:{folder.BUCKET}/{folder.PREFIX}"
    (folder.path / f"{name} read").write_text("from the mount")
    done = rclone("cat", f"{own}{name} read")
    check(done.stdout == "from the mount", f"{name}: {done.stdout}{done.stderr}")
    done = rclone("rcat", f"{own}{name} written", input="from rclone")
    check(done.returncode == 0, f"{name}: {done.stderr}")
    folder.stsfs("refresh", str(folder.path))
    check((folder.path / f"{name} written").read_text() == "from rclone", f"{name}: the mount sees something else")


def by_process(folder, rclone):
    config = rclone.home / ".aws" / "config"
    config.write_text(f"[default]\ncredential_process = {folder.STSFS} credentials {folder.VEND_URL} --process\n")
    works(folder, rclone, "process")
    config.unlink()


def by_uri(folder, rclone):
    uri_file = folder.work / "uri"
    serving = subprocess.Popen([folder.STSFS, "credentials", folder.VEND_URL, "--serve", "--uri-file", uri_file],
                               env=folder.env, stdout=subprocess.DEVNULL)
    try:
        wait_until(uri_file.exists, 60, "the credentials URI")
        rclone.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = uri_file.read_text().strip()
        works(folder, rclone, "uri")
    finally:
        serving.terminate()
        serving.wait(20)


def main():
    if shutil.which("rclone") is None:
        print("skipped: there is no rclone")
        return SKIPPED
    with Folder() as folder:
        rclone = Rclone(folder)
        by_process(folder, rclone)
        by_uri(folder, rclone)
    print("rclone works on the same login, by process and by URI")


if __name__ == "__main__":
    sys.exit(main())
