"""The examples in the docstrings of the Python interface."""

import doctest

import pytest

from src.estimation import estimates, estimator


@pytest.mark.parametrize("module, least", [(estimator, 3), (estimates, 3)])
def test_examples(module, least, portraits):
    names = {"portrait": str(portraits / "hopper.jpg"), "to_frame": estimates.to_frame}
    names["estimator"] = estimator.Estimator()
    found = doctest.testmod(module, extraglobs=names, optionflags=doctest.ELLIPSIS)
    assert found.attempted >= least
    assert not found.failed
