"""Help texts of all scripts as a page.

python -m tests.reference > docs/cli.md
"""

import os
import subprocess
import sys

SCRIPTS = (
    "create_db.py",
    "train.py",
    "evaluate.py",
    "evaluate_appa_real.py",
    "export.py",
    "demo.py",
)
_HEAD = """# Command line

The `--help` of every script, written by `make reference`. Flags are written in full; a flag
without effect is an error. Errors that a user can fix are one line on stderr, with exit code 2;
Ctrl-C ends a script with exit code 130.
"""


def reference() -> str:
    """The page, in Markdown, 80 columns; the working directory is the toolkit's folder."""
    return _HEAD + "".join(f"\n## {script}\n\n```\n{_help(script)}```\n" for script in SCRIPTS)


def _help(script: str) -> str:
    command = [sys.executable, script, "--help"]
    environment = os.environ | {"COLUMNS": "80"}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout


if __name__ == "__main__":
    print(reference(), end="")
