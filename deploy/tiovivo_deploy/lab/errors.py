"""The one error that a user of the lab sees as a sentence instead of a traceback."""


class LabError(Exception):
    """What is wrong, and what to do about it where that is known."""
