#!/usr/bin/env python3
"""A bucket mounted by its name where the public service has it: over HTTPS, and with the bucket in the host name."""
import pathlib
import shutil
import sys
import tempfile

from bucket import BUCKET, Bucket, exercise
from certificates import make_ca, make_certificate
from servers import check


def works(bucket, *options):
    bucket.mount(*options)

    def remount():
        bucket.umount()
        shutil.rmtree(bucket.work / "CACHE_HOME")
        bucket.mount(*options)
    exercise(bucket, remount)


def https_by_address(work):
    make_ca(work, "ca")
    make_certificate(work, "ca", "server")
    with Bucket(work, "server") as bucket:
        endpoint = f"endpoint=https://127.0.0.1:{bucket.port}"
        said = bucket.mount(endpoint, wanted="failure")
        check("certificate is not trusted" in said and "cacert=FILE" in said, said)
        works(bucket, endpoint, f"cacert={work}/ca.crt")
    print("HTTPS at an address: with cacert= every byte is there, without it nothing is mounted")


def https_by_bucket(work):
    """The certificate has the bucket's host only: at any other, or with the bucket in the path, it would be refused."""
    make_ca(work, "ca")
    make_certificate(work, "ca", "server", f"DNS:{BUCKET}.oss.localhost")
    with Bucket(work, "server") as bucket:
        options = (f"endpoint=https://oss.localhost:{bucket.port}", f"cacert={work}/ca.crt")
        said = bucket.mount(*options, "path_style=yes", wanted="failure")
        check("certificate is for another name" in said, said)
        works(bucket, *options, "path_style=no")
    print("HTTPS at the bucket's own host: every byte is there, and no other host is asked")


def http_by_bucket(work):
    with Bucket(work) as bucket:
        works(bucket, f"endpoint=http://oss.localhost:{bucket.port}", "path_style=no")
        works(bucket, f"endpoint=http://oss.localhost:{bucket.port}", "path_style=no", "sigv=1")
    print("HTTP at the bucket's own host: every byte is there, with both signatures")


def main():
    base = pathlib.Path(tempfile.mkdtemp(prefix="stsfs-endpoints-"))
    try:
        for scenario in (https_by_address, https_by_bucket, http_by_bucket):
            work = base / scenario.__name__
            work.mkdir()
            scenario(work)
        return 0
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
