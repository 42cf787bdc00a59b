"""How the learning rate falls."""

from collections.abc import Callable


def steps(learning_rate: float, epochs: int) -> Callable[[int], float]:
    """The rate of an epoch, counted from 0: divided by 5 at 1/4, 1/2 and 3/4 of the epochs.

    Zagoruyko & Komodakis divide by 5 three times, as the original toolkit does.
    """
    return lambda epoch: learning_rate / 5 ** (4 * epoch // epochs)
