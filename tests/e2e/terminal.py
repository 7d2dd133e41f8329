"""A program on a terminal, and a person who types there."""
import errno
import os
import pty
import termios

from bounds import wait_until
from servers import check


def wait_for(condition, what, seconds=60):
    wait_until(condition, seconds, what)


def echoes(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def shown(terminal):
    """What it shows and nobody has read yet; nothing at its end."""
    try:
        return os.read(terminal, 65536)
    except BlockingIOError:
        return b""
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""


class At:
    """A command at a terminal of its own, which is afterwards as it was before. `said`: all that it showed until now."""

    def __init__(self, command, env=None):
        self.terminal, self.its_end = pty.openpty()
        self.before, self.said, self.child = termios.tcgetattr(self.terminal), b"", os.fork()
        if self.child == 0:
            os.close(self.terminal)
            os.login_tty(self.its_end)
            os.execve(command[0], [str(word) for word in command], os.environ if env is None else env)
        os.set_blocking(self.terminal, False)

    def shows(self, prompt):
        self.said += shown(self.terminal)
        return prompt in self.said

    def wait_for(self, prompt, seconds=60):
        wait_for(lambda: self.shows(prompt), f"{prompt} on the terminal", seconds)

    def type(self, typed, hidden=False):
        """`hidden`: once the echo is off."""
        if hidden:
            wait_for(lambda: not echoes(self.terminal), "the echo to be off")
        os.write(self.terminal, typed)

    def end(self):
        """Waits for it. Returns the exit code."""
        code = None

        def ended():
            nonlocal code
            self.said += shown(self.terminal)  # it may wait for room
            pid, status = os.waitpid(self.child, os.WNOHANG)
            code = os.waitstatus_to_exitcode(status) if pid else None
            return pid != 0
        wait_for(ended, "the end of the command", 120)
        check(termios.tcgetattr(self.terminal) == self.before, "the terminal is not as it was")
        # What was written may be under way still: all of it has come when the terminal has no other end any more.
        os.close(self.its_end)
        os.set_blocking(self.terminal, True)
        while more := shown(self.terminal):
            self.said += more
        os.close(self.terminal)
        return code


def type_at(command, *answers, env=None):
    """`answers`: pairs of a prompt and of what is typed once it is there and the echo is off. Returns the exit code and
    all that the terminal showed."""
    at = At(command, env)
    for prompt, typed in answers:
        at.wait_for(prompt)
        at.type(typed, hidden=True)
    return at.end(), at.said.decode()
