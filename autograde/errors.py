"""What the instructor's commands say when they cannot go on."""


class AutogradeError(Exception):
    """A command cannot go on: one sentence that says what is wrong, where, and what to do."""

    lines: tuple[str, ...] = ()
    """If several things are wrong, a sentence for each; the message then has all of them."""
