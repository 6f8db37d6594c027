"""Is a quiz filled in properly? This checks its form alone, and has no key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xaikit.checks import values as checks

CHOICES = ("yes", "no", "abstain")
"""What a statement can be answered by."""

_ARGUMENT_LINES = 2


def check(
    answers: Mapping[str, str],
    statements: Sequence[str],
    arguments: Mapping[str, str] | None = None,
    name: str = "quiz",
) -> None:
    """Fail with one sentence unless every statement has a well-formed answer; count them if so.

    Parameters
    ----------
    answers
        One of :data:`CHOICES` for each statement.
    statements
        The statements' names, such as ``A1``.
    arguments
        Optional arguments for some of the statements, of at most two lines each.
    name
        What the student calls the dictionary of answers.

    Raises
    ------
    CheckFailed
        If something is missing, superfluous or not well-formed.

    Examples
    --------
    >>> from xaikit.checks import quiz
    >>> quiz.check({"A1": "yes", "A2": "abstain"}, ["A1", "A2"])
    1 statements answered, 1 abstained.
    """
    checks.choices(answers, statements, CHOICES, name)
    arguments = {} if arguments is None else arguments
    checks.expect(
        isinstance(arguments, Mapping), f"`{name}_arguments` should be a dictionary, {{}} if empty."
    )
    for statement, argument in arguments.items():
        where = f"`{name}_arguments[{statement!r}]`"
        checks.expect(statement in statements, f"{where}: there is no such statement.")
        checks.expect(isinstance(argument, str), f"{where} should be text in quotes.")
        lines = len(argument.strip().splitlines())
        checks.expect(
            lines <= _ARGUMENT_LINES, f"{where} has {lines} lines; two are the most that is read."
        )
    abstained = sum(answer == "abstain" for answer in answers.values())
    print(f"{len(statements) - abstained} statements answered, {abstained} abstained.")
