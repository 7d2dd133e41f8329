#!/usr/bin/env python3
"""Each numbered statement of stsfs(7) is quoted, from its beginning, above a test that holds it; what is quoted is still
said.

A comment that stands right above a test, and begins with a quotation mark, quotes a page of the manual: stsfs(7), or
another. Case, marks and line breaks do not count, and "…" leaves something out:

    // "A directory that is not empty cannot be removed … and with it the directory."
"""
import pathlib
import re
import sys

BEGINNING = 5  # words of a statement that make it known
SHORTEST = 3   # words of a quotation
MACROS = set("Ar Cm Dv Em Er Fl Fn It Li Nd Nm No Ns Op Pa Pc Po Pp Pq Ql Sh Sy Va Xr".split())
TEST = re.compile(r"\s*(TEST(_[FP])?\(|def )")


def text_of(line):
    """What a line of mdoc(7) shows: `.Xr close 2` is close(2)."""
    line = line.replace("\\&", "").replace("\\-", "-")
    if not line.startswith("."):
        return line
    return " ".join(word for word in line[1:].split() if word not in MACROS)


def words_of(text):
    return re.findall(r"[a-z0-9]+", text.lower())


def statements_of(page):
    """(line, words) of each item of the numbered lists."""
    found, lists = [], []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith(".Bl"):
            lists.append("-enum" in line)
        elif line.startswith(".El"):
            lists.pop()
        elif line.startswith(".It") and lists == [True]:
            found.append((number, []))
        elif lists and lists[0]:
            found[-1][1].extend(words_of(text_of(line)))
    return found


def has(words, part):
    return any(words[at:at + len(part)] == part for at in range(len(words) - len(part) + 1))


def quotations_in(path):
    """(line, parts): the words between what is left out, of each quotation above a test."""
    comment, begin = [], 0
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = re.match(r"\s*(?:///?|#) ?(.*)", line)
        if match:
            begin = begin if comment else number
            comment.append(match.group(1))
            continue
        if comment and comment[0].startswith('"') and TEST.match(line):
            for quoted in re.findall(r'"([^"]+)"', " ".join(comment)):
                parts = [part for part in map(words_of, re.split(r"…|\.\.\.|\[|\]", quoted)) if part]
                if sum(map(len, parts)) >= SHORTEST:
                    yield begin, parts
        comment = []


def main(root):
    page = root / "man" / "stsfs.7"
    statements = statements_of(page)
    others = [words_of(" ".join(map(text_of, other.read_text().splitlines())))
              for other in sorted((root / "man").iterdir()) if other != page]
    problems, quoted, quotations = [], set(), 0
    for path in sorted(path for path in (root / "tests").rglob("*") if path.suffix in (".cc", ".py")):
        for line, parts in quotations_in(path):
            quotations += 1
            found = [(at, words) for at, words in statements if all(has(words, part) for part in parts)]
            quoted |= {at for at, words in found if any(part[:BEGINNING] == words[:BEGINNING] for part in parts)}
            if not found and not any(all(has(words, part) for part in parts) for words in others):
                said = " … ".join(map(" ".join, parts))
                problems.append(f"{path.relative_to(root)}:{line}: not in the manual (any more): {said}")
    for at, words in statements:
        if at not in quoted:
            problems.append(f"{page.relative_to(root)}:{at}: no test quotes it from its beginning: {' '.join(words[:12])}")
    if not statements or not quotations:
        problems.append("found no statements, or no quotations: the check itself is broken")
    print("\n".join(problems) if problems else f"{len(statements)} statements, {quotations} quotations of the manual")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
