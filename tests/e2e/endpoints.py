#!/usr/bin/env python3
"""A bucket mounted by its name where the public service has it: over HTTPS, and with the bucket in the host name."""
import sys

from bucket import BUCKET, Bucket, exercise
from certificates import make_ca, make_certificate
from scenarios import run
from servers import check


def https_by_address(work):
    make_ca(work, "ca")
    make_certificate(work, "ca", "server")
    with Bucket(work, "server") as bucket:
        endpoint = f"endpoint=https://127.0.0.1:{bucket.port}"
        said = bucket.mount(endpoint, wanted="failure")
        check("certificate is not trusted" in said and "cacert=FILE" in said, said)
        exercise(bucket, endpoint, f"cacert={work}/ca.crt")
    print("HTTPS at an address: with cacert= every byte is there, without it nothing is mounted")


def https_by_bucket(work):
    """The certificate has the bucket's host only: at any other, or with the bucket in the path, it would be refused."""
    make_ca(work, "ca")
    make_certificate(work, "ca", "server", f"DNS:{BUCKET}.oss.localhost")
    with Bucket(work, "server") as bucket:
        options = (f"endpoint=https://oss.localhost:{bucket.port}", f"cacert={work}/ca.crt")
        said = bucket.mount(*options, "path_style=yes", wanted="failure")
        check("certificate is for another name" in said, said)
        exercise(bucket, *options, "path_style=no")
    print("HTTPS at the bucket's own host: every byte is there, and no other host is asked")


def http_by_bucket(work):
    with Bucket(work) as bucket:
        exercise(bucket, f"endpoint=http://oss.localhost:{bucket.port}", "path_style=no")
        exercise(bucket, f"endpoint=http://oss.localhost:{bucket.port}", "path_style=no", "sigv=1")
    print("HTTP at the bucket's own host: every byte is there, with both signatures")


if __name__ == "__main__":
    sys.exit(run("endpoints", https_by_address, https_by_bucket, http_by_bucket))
