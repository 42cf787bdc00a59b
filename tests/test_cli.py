"""src/cli: arguments, one-line errors, exit codes."""

import argparse
import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from src import cli
from src.quiet import quiet_stderr
from tests.helpers import ROOT


@pytest.fixture
def script(tmp_path):
    """Run a script with `body` as its `main` in a new process."""

    def run(body: str, stdout=subprocess.PIPE, **environment) -> subprocess.CompletedProcess:
        path = tmp_path / "made.py"
        path.write_text(
            "import os, sys\n"
            f"sys.path.insert(0, {str(ROOT)!r})\n"
            "from src import cli\n"
            "from src.errors import UserError\n"
            f"def main():\n    {body}\n"
            "cli.run(main)\n"
        )
        return subprocess.run(
            [sys.executable, path],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "", **environment},
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


@pytest.mark.parametrize("name", sorted(path.name for path in ROOT.glob("*.py")))
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


def test_unknown_keras_backend_is_one_line(script):
    done = script("print('unused')", KERAS_BACKEND="theano")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "KERAS_BACKEND" in done.stderr
    assert "theano" in done.stderr


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


def test_quiet_import_suppresses_library_messages(capfd):
    with cli.quiet_import():
        os.write(2, b"a library's note\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"


def test_failed_import_shows_library_messages(capfd):
    with pytest.raises(ImportError), cli.quiet_import():
        os.write(2, b"libcuda.so is missing\n")
        raise ImportError
    assert capfd.readouterr().err == "libcuda.so is missing\n"


def test_overlapping_imports_restore_stderr(capfd):
    """As of two threads: the first to begin is the first to end."""
    first, second = quiet_stderr(), quiet_stderr()
    first.__enter__()
    os.write(2, b"a note of the first\n")
    second.__enter__()
    first.__exit__(None, None, None)
    os.write(2, b"libcuda.so is missing\n")
    second.__exit__(ImportError, ImportError(), None)
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "libcuda.so is missing\nafterwards\n"


@pytest.fixture
def sigint():
    """As in a foreground job; background jobs may ignore it."""
    own = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, own)


def test_ctrl_c_waits_for_imports(sigint):
    """Imports of TensorFlow and pandas sometimes swallow it."""
    loaded = []
    with pytest.raises(KeyboardInterrupt), cli.quiet_import():
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        loaded.append("keras")
    assert loaded == ["keras"]


def test_ctrl_c_restores_stderr(capfd):
    with pytest.raises(KeyboardInterrupt), cli.quiet_import():
        raise KeyboardInterrupt
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"
