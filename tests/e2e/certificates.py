"""Certificates, as an administrator makes them: of an authority, and of a server by its names."""
import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def make_ca(work, name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", work / f"{name}.key", "-out", work / f"{name}.crt")


def make_certificate(work, ca, name, names="IP:127.0.0.1"):
    (work / f"{name}.ext").write_text(f"subjectAltName={names}\n")
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", work / f"{name}.key", "-out", work / f"{name}.csr")
    openssl("x509", "-req", "-days", "1", "-in", work / f"{name}.csr", "-CA", work / f"{ca}.crt", "-CAkey",
            work / f"{ca}.key", "-CAcreateserial", "-extfile", work / f"{name}.ext", "-out", work / f"{name}.crt")
