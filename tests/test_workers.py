"""Parallel work: order and number of pending tasks."""

import time
from concurrent.futures import ThreadPoolExecutor

from src.workers import in_order


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
