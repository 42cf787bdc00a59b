"""Errors caused by user input."""


class UserError(Exception):
    """An error that the user can fix, in one line.

    The text names the flag, file or row, what was expected, what was received and how to fix it.
    Scripts print it as `train.py: error: ...` and exit with code 2.
    """
