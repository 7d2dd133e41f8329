"""What is written and read: made once, the same in every run, no two pieces alike."""

import hashlib
import os
import subprocess
import tarfile

_PIECE = 1 << 20


def make_file(path, size):
    """Bytes that depend on the file's name and the place in it."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as out:
        for at in range(0, size, _PIECE):
            out.write(hashlib.shake_128(f"{path.name} {at}".encode()).digest(min(_PIECE, size - at)))
    return path


def make_files(folder, count, size):
    """`count` files of `size` bytes side by side."""
    for number in range(count):
        make_file(folder / f"{number:05}", size)
    return folder


def tree_size(number):
    """0.2 to 16 KiB, as in source trees: many small ones, few large."""
    return 200 + int(16_184 * ((number * 7919 % 1000) / 1000) ** 3)


def make_tree(folder, count, per_folder=50, size=tree_size):
    """`count` files in directories of `per_folder`."""
    for number in range(count):
        make_file(folder / f"{number // per_folder:03}" / f"{number:05}", size(number))
    return folder


def make_tar(path, folder):
    if not path.exists():
        with tarfile.open(path, "w") as out:
            out.add(folder, arcname=folder.name)
    return path


def git_environment(home):
    names = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
             "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
             "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    return dict(os.environ, HOME=str(home), GIT_TERMINAL_PROMPT="0", **names)


def make_repository(folder, count, commits=5):
    """A repository of `count` files, committed in `commits` steps."""
    if (folder / ".git").exists():
        return folder

    def git(*words):
        subprocess.run(["git", "-C", folder, *words], check=True, stdout=subprocess.DEVNULL,
                       env=git_environment(folder.parent))

    folder.mkdir(parents=True)
    git("init", "-q", "-b", "main")
    for step in range(commits):
        for number in range(step, count, commits):
            make_file(folder / f"{number // 25:02}" / f"{number:04}", tree_size(number))
        git("add", "-A")
        git("commit", "-q", "-m", f"step {step}")
    return folder
