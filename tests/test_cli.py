"""src/cli: arguments, one-line errors, exit codes."""

import argparse
import importlib
import os
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


def test_user_error_exits_with_code_2(script):
    done = script("raise UserError('expected this, received that')")
    assert done.returncode == 2
    assert done.stderr == "made.py: error: expected this, received that\n"


def test_user_error_is_one_line(script):
    done = script(r"raise UserError('first\nsecond\n')")
    assert done.stderr == "made.py: error: first second\n"


def test_ctrl_c_exits_with_code_130(script):
    done = script("raise KeyboardInterrupt")
    assert done.returncode == 130
    assert done.stderr == "made.py: interrupted\n"


def test_bug_keeps_its_traceback(script):
    done = script("raise ZeroDivisionError")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")


def test_success_is_code_0(script):
    done = script("print('fine')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")


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


def test_unknown_flag_exits_with_code_2(capsys):
    parser = cli.Parser("A script.")
    parser.prog = "made.py"
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args(["--depht", "10"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "made.py: error: unrecognized arguments: --depht 10\n"


@pytest.mark.parametrize("name", SCRIPTS)
def test_abbreviated_flags_are_refused(name, run_here):
    """`--conf recipe.yaml` would train the defaults."""
    assert run_here(name, "--hel").returncode == 2  # --help is 0


def test_flags_without_effect_are_refused(capsys):
    parser = cli.Parser("A script.")
    parser.add_argument("--detect", action="store_true")
    parser.add_argument("--margin", default=0.4)
    parser.needs("--margin", "--detect")
    assert parser.parse_args([]).margin == 0.4
    assert parser.parse_args(["--margin=1", "--detect"]).margin == "1"
    for passed in (["--margin", "0.4"], ["--margin=0.4"]):
        with pytest.raises(SystemExit, match="2"):
            parser.parse_args(passed)
        assert "--margin: expected --detect" in capsys.readouterr().err


@pytest.mark.parametrize(
    "body, words",
    [
        ("open('/none/a.jpg')", ["/none/a.jpg", "No such file"]),
        ("bytearray(2**62)", ["memory"]),
        ("import no_such_library", ["no_such_library"]),
    ],
)
def test_system_errors_are_one_line(script, body, words):
    done = script(body)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert all(word in done.stderr for word in words)


def test_help_names_each_default_once():
    parser = cli.Parser("A script.")
    parser.add_argument("--lr", help="rate (default: 0.1 for sgd)")
    parser.add_argument("--depth", default=16, help="depth")
    text = " ".join(parser.format_help().split())
    assert "--lr LR rate (default: 0.1 for sgd) --depth DEPTH depth (default: 16)" in text


def test_help_omits_empty_defaults():
    parser = cli.Parser("A script.")
    parser.add_argument("--output", required=True, help="file")
    parser.add_argument("--card", help="card")
    parser.add_argument("--fast", action="store_true", help="switch")
    parser.add_argument("--seed", default=0, help="seed")
    text = " ".join(parser.format_help().split())
    assert "file (required) --card CARD card --fast switch --seed SEED seed (default: 0)" in text


@pytest.mark.parametrize(
    "kind, text",
    [
        (cli.positive_int, "0"),
        (cli.positive_int, "-3"),
        (cli.positive_int, "1.5"),
        (cli.positive_int, "9" * 30),
        (cli.seed, "-1"),
        (cli.seed, str(2**32)),
        (cli.positive_float, "0"),
        (cli.positive_float, "nan"),
        (cli.positive_float, "inf"),
        (cli.margin, "-0.1"),
        (cli.margin, "10.5"),
        (cli.margin, "wide"),
    ],
)
def test_numbers_out_of_range_are_refused(kind, text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"expected .*, received '{text}'"):
        kind(text)


@pytest.mark.parametrize(
    "kind, text, value",
    [
        (cli.positive_int, "1", 1),
        (cli.positive_float, "1e-3", 0.001),
        (cli.margin, "0", 0.0),
        (cli.margin, "10", 10.0),
    ],
)
def test_numbers_in_range(kind, text, value):
    assert kind(text) == value


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
    if flags == "-P" and sys.version_info < (3, 11):
        pytest.skip("Python 3.11 has -P")
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
