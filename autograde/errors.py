"""What the instructor's commands say when they cannot go on."""


class AutogradeError(Exception):
    """A command cannot go on: one sentence that says what is wrong, where, and what to do."""
