"""Work in several processes: in order, never too much at once, and none outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from src.workers import in_order
from tests.helpers import ROOT, heed_ctrl_c


def test_results_come_in_the_tasks_order_whichever_is_done_first():
    def late(number):
        time.sleep(0.05 * (number % 3 == 0))
        return number

    with ThreadPoolExecutor(4) as pool:
        assert list(in_order(pool, late, range(10), 4)) == list(range(10))


def test_at_most_so_many_tasks_are_under_way():
    taken, ahead = 0, []

    def tasks():
        nonlocal taken
        for number in range(20):
            taken += 1
            yield number

    with ThreadPoolExecutor(2) as pool:
        for used, _ in enumerate(in_order(pool, lambda number: time.sleep(0.002), tasks(), 5)):
            ahead.append(taken - used)
    assert max(ahead) == 5


def test_what_a_task_raises_is_raised_in_its_turn():
    with ThreadPoolExecutor(2) as pool:
        results = in_order(pool, lambda number: 1 / (3 - number), range(5), 2)
        assert [next(results) for _ in range(3)] == [1 / 3, 1 / 2, 1]
        with pytest.raises(ZeroDivisionError):
            next(results)


@pytest.mark.parametrize("seconds", [0, 0.1, 1])
def test_processes_leave_ctrl_c_to_their_parent_while_they_start_too(seconds):
    """A terminal sends it to all of them."""
    code = (
        "import os, time; from src.workers import processes; pool = processes(2)\n"
        "try:\n    print(flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print(pool.submit(abs, -7).result())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    ) as parent:
        parent.stdout.readline()
        time.sleep(seconds)
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.communicate(timeout=30) == ("7\n", "")


def test_processes_end_with_a_parent_that_is_killed():
    code = (
        "import os, time; from src.workers import processes; pool = processes(1)\n"
        "print(pool.submit(os.getpid).result(), flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout.readline().strip().isdecimal()
        parent.kill()
        # Its output is at its end only when the worker, which has it too, is gone.
        assert parent.communicate(timeout=20) == ("", None)
