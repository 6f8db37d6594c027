"""What do we hand in? One page with the group's figures and texts, as a PDF."""

import sys
from types import ModuleType
from typing import Any

from xaikit.core.registry import signed_as
from xaikit.report.figures import ReportError
from xaikit.report.making import Report, report

__all__ = ["Report", "ReportError", "report"]


class _Callable(ModuleType):
    """A package that can be called: ``from xaikit import report`` gives it.

    The package and its main function have the same name, as those of :mod:`xaikit.influence`.
    """

    @signed_as(report)
    def __call__(self, *args: Any, **kwargs: Any) -> Report:
        return report(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
__doc__ = report.__doc__ or ""  # what help() says of what is called
