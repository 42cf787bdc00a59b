#!/usr/bin/env python3
"""Turns of phrase that the toolkit's English avoids, counted by `make lint`.

Sources and scripts have none; elsewhere their number may only fall. Lower the limits when it does.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TURNS = (
    r"said",  # use: outputs, estimates, states
    r"told",
    r"tells?\b(?!\()",
    r"heeds?",
    r"want(s|ed)?",  # use: expected, requested, needed
    r"beside",  # use: next to, in addition to
    r"for who",
    r"what is said",
    r"at hand",
    r"(?<!there )is no(?! longer)",  # use: is not a, has no
    r"where there (is|are)",  # use: if
    r"those that",  # use: the noun
    r"the others",  # use: the other ones by name
    r"that ship",  # use: the shipped weights
    r"laid out",
)
PATTERN = re.compile(rf"\b({'|'.join(TURNS)})\b", re.IGNORECASE)
# Files by glob, and the maximum number of turns in them.
LIMITS = {
    "src/**/*.py": 0,
    "*.py": 0,
    "benchmarks/*.py": 0,
    "recipes/*.yaml": 0,
    "docs/*.md": 0,
    "*.md": 0,
    "tests/**/*.py": 0,
}


def main() -> None:
    failed = False
    for glob, limit in LIMITS.items():
        found = []
        for path in sorted(ROOT.glob(glob)):
            if path != Path(__file__).resolve():
                for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                    places = [match[0] for match in PATTERN.finditer(line)]
                    found += [f"{path.relative_to(ROOT)}:{number}: {turn}" for turn in places]
        if len(found) > limit:
            failed = True
            print(
                f"{glob}: expected at most {limit} of the turns in {__file__}, found",
                *found,
                sep="\n",
            )
        elif len(found) < limit:
            print(f"{glob}: {len(found)} turns, {limit} allowed: lower the limit")
    sys.exit(failed)


if __name__ == "__main__":
    main()
