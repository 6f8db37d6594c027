"""Lies in the place of each package that a task by hand does without."""

raise ImportError(f"{__name__} is out of reach in a task by hand: do without it.")
