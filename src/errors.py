"""What a person can fix."""


class UserError(Exception):
    """A mistake in what the toolkit was given, said in one line.

    The text says what was expected, what was received and what to do. Scripts print it as
    `train.py: error: ...` and exit with code 2; anything else that is raised is a bug of ours.
    """
