"""Scenarios, one after the other, each in an empty directory of its own."""
import pathlib
import shutil
import tempfile


def run(prefix, *scenarios):
    """The exit code of a test: 0, or what the last one that was skipped returned."""
    base, code = pathlib.Path(tempfile.mkdtemp(prefix=f"stsfs-{prefix}-")), 0
    try:
        for scenario in scenarios:
            work = base / scenario.__name__
            work.mkdir()
            code = scenario(work) or code
        return code
    finally:
        shutil.rmtree(base, ignore_errors=True)
