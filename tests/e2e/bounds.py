"""Bounds in real time: what a busy machine may miss, and nothing else of a scenario.

A scenario that ends with TooSlow says so in its last line, TOO_SLOW and what was waited for, and exits with 75 (EX_TEMPFAIL):
tests/suite/run.py runs it once more, alone. Whatever else fails is never forgotten, and so it is no TooSlow: not a wrong
byte or error, nor what hangs until somebody ends it.
"""
import os
import sys
import time

TOO_SLOW = "TOO SLOW: "
EXIT_CODE = 75


class TooSlow(AssertionError):
    pass


def in_time(condition, message):
    """As `check`, of a duration that was measured."""
    if not condition:
        raise TooSlow(message)


def wait_until(condition, seconds, what):
    """Polls until `condition()` is true; too slow after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        in_time(time.monotonic() < end, f"waited {seconds} s for: {what}")
        time.sleep(0.05)


def end_with(kind, error, trace):
    sys.__excepthook__(kind, error, trace)
    if issubclass(kind, TooSlow):
        sys.stdout.flush()
        print(TOO_SLOW + " ".join(str(error).split()), file=sys.stderr, flush=True)
        os._exit(EXIT_CODE)


sys.excepthook = end_with
