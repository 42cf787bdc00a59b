"""Parallel work: order, number of pending tasks, signals."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from src.workers import in_order
from tests.helpers import ROOT, allow_ctrl_c


def test_results_come_in_order_with_few_tasks_ahead():
    taken, ahead, results = [], [], []

    def tasks():
        for number in range(20):
            taken.append(number)
            yield number

    def late(number):
        time.sleep(0.02 * (number % 3 == 0))
        return number

    with ThreadPoolExecutor(4) as pool:
        for number in in_order(pool, late, tasks(), lambda: 5):
            results.append(number)
            ahead.append(len(taken) - number)
    assert results == taken == list(range(20))
    assert max(ahead) == 5


@pytest.mark.parametrize("seconds", [0, 0.1, 1])
def test_processes_ignore_ctrl_c(seconds):
    """A terminal sends it to all processes, including starting ones."""
    code = (  # Short sleeps: a signal just before a sleep is seen after it.
        "import os, time; from src.workers import processes; pool = processes(2)\n"
        "try:\n    print(flush=True)\n    while True: time.sleep(0.1)\n"
        "except KeyboardInterrupt:\n    print(pool.submit(abs, -7).result())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=allow_ctrl_c,
    ) as parent:
        parent.stdout.readline()
        time.sleep(seconds)
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.communicate(timeout=30) == ("7\n", "")


def test_processes_end_with_killed_parent():
    code = (
        "import os, time; from src.workers import processes; pool = processes(1)\n"
        "print(pool.submit(os.getpid).result(), flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout.readline().strip().isdecimal()
        parent.kill()
        # Its output ends when the worker, which inherited it, has ended too.
        assert parent.communicate(timeout=20) == ("", None)
