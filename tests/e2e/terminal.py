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


def type_at(command, *answers, env=None):
    """`answers`: pairs of a prompt and of what is typed once it is there and the echo is off. Returns the exit code and
    all that the terminal showed; the terminal is afterwards as it was before."""
    terminal, its_end = pty.openpty()
    before = termios.tcgetattr(terminal)
    child = os.fork()
    if child == 0:
        os.close(terminal)
        os.login_tty(its_end)
        os.execve(command[0], [str(word) for word in command], os.environ if env is None else env)
    os.set_blocking(terminal, False)
    said = b""

    def shows(prompt):
        nonlocal said
        said += shown(terminal)
        return prompt in said
    for prompt, typed in answers:
        wait_for(lambda: shows(prompt), f"{prompt} on the terminal")
        wait_for(lambda: not echoes(terminal), "the echo to be off")
        os.write(terminal, typed)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    check(termios.tcgetattr(terminal) == before, "the terminal is not as it was")
    # What was written may be under way still: all of it has come when the terminal has no other end any more.
    os.close(its_end)
    os.set_blocking(terminal, True)
    while more := shown(terminal):
        said += more
    os.close(terminal)
    return code, said.decode()
