"""src/cli.py: one-line errors, exit codes, streams."""

import importlib
import os
import re
import subprocess
import sys
from io import StringIO

import pytest

from src import cli
from tests.helpers import ROOT

SCRIPTS = sorted(path.name for path in ROOT.glob("*.py"))


@pytest.fixture
def script(tmp_path):
    """Run a script with `body` as its `main` in a new process."""

    def run(
        body: str, stdout=subprocess.PIPE, preexec_fn=None, **environment
    ) -> subprocess.CompletedProcess:
        path = tmp_path / "made.py"
        path.write_text(
            "import os, sys\n"
            f"sys.path.insert(0, {str(ROOT)!r})\n"
            "from src import cli\n"
            "from src.errors import UserError\n"
            f"def main(argv):\n    {body}\n"
            "cli.run(main)\n"
        )
        return subprocess.run(
            [sys.executable, path],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "", **environment},
            preexec_fn=preexec_fn,
            timeout=60,
        )

    return run


@pytest.mark.parametrize(
    "body, code, stdout, stderr",
    [
        ("print('fine')", 0, "fine\n", ""),
        (r"raise UserError('first\nsecond\n')", 2, "", "made.py: error: first second\n"),
        ("raise KeyboardInterrupt", 130, "", "made.py: interrupted\n"),
        ("raise ZeroDivisionError", 1, "", "Traceback(.*\n)+ZeroDivisionError\n"),
        ("open('/none/a.jpg')", 2, "", "made.py: error: /none/a.jpg: No such file.*\n"),
        ("bytearray(2**62)", 2, "", "made.py: error: not enough memory.*\n"),
        (
            "raise RuntimeError('{{node a}} OOM when allocating tensor with shape[3,9] and type')",
            *(2, "", r"made.py: error: not enough memory: OOM when .* shape\[3,9\]\n"),
        ),
        (
            "raise RuntimeError('RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.')",
            *(2, "", "made.py: error: not enough memory: Out of memory allocating 9 bytes.\n"),
        ),
        ("import no_such_library", 2, "", "made.py: error: .*no_such_library.*\n"),
    ],
)
def test_exit_codes_and_messages(script, body, code, stdout, stderr):
    done = script(body)
    assert (done.returncode, done.stdout) == (code, stdout)
    assert re.fullmatch(stderr, done.stderr), done.stderr


@pytest.mark.parametrize("flush", [True, False])
def test_closed_pipe_ends_quietly(script, flush):
    reading, writing = os.pipe()
    os.close(reading)
    done = script(f"print('line', flush={flush})", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_any_file_name_can_be_printed(script):
    done = script(r"print(os.fsdecode(b'Zo\xeb'), '\u65e5')", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Zo\\udceb \\u65e5\n"


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_closed_streams_are_ignored(script, tmp_path, closed):
    """As by pythonw, and by `>&-` in a shell; messages of libraries go to no opened file."""
    body = (
        f"print('line'); open({str(tmp_path / 'out')!r}, 'w').write('rows'); os.write(2, b'note')"
    )
    number = {"stdout": 1, "stderr": 2}[closed]
    done = script(body, preexec_fn=lambda: os.close(number))
    assert done.returncode == 0
    assert (tmp_path / "out").read_text() == "rows"
    assert (done.stdout, done.stderr) == {"stdout": ("", "note"), "stderr": ("line\n", "")}[closed]


def test_output_of_a_notebook(monkeypatch):
    """Its streams are no files, and its own arguments are not the script's."""
    monkeypatch.setattr(sys, "stdout", StringIO())
    monkeypatch.setattr(sys, "argv", ["made.py", "a.jpg"])
    cli.run(lambda argv: print(argv))
    assert sys.stdout.getvalue() == "['a.jpg']\n"


@pytest.mark.parametrize("flags", ["-OO", "-P", "-I"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_interpreter_flags(name, flags, tmp_path):
    command = [sys.executable, flags, ROOT / name, "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {name} [flags]")


@pytest.mark.parametrize("name", SCRIPTS)
def test_imported_script_runs_nothing(name, monkeypatch):
    """`import demo` and `demo.main()` in a notebook do not parse the notebook's own arguments."""
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "kernel.json", "--unknown"])
    monkeypatch.syspath_prepend(ROOT)
    module = importlib.import_module(name.removesuffix(".py"))
    with pytest.raises(SystemExit, match="0"):
        module.main(["--help"])
