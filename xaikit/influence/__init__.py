"""Which training examples made the model answer as it does? One call for every method."""

import sys
from types import ModuleType
from typing import Any

from xaikit.core.registry import signed_as
from xaikit.influence.api import influence, self_influence
from xaikit.influence.lds import LDS, lds
from xaikit.influence.registry import influence_methods
from xaikit.influence.result import Influence
from xaikit.influence.study import Study, study

__all__ = [
    "LDS",
    "Influence",
    "Study",
    "influence",
    "influence_methods",
    "lds",
    "self_influence",
    "study",
]


class _Callable(ModuleType):
    """A package that can be called: ``from xaikit import influence`` gives it.

    The package and its main function have the same name. Were ``xaikit.influence`` the function,
    ``import xaikit.influence`` would give it, too, and its other names would be out of reach.
    """

    @signed_as(influence)
    def __call__(self, *args: Any, **kwargs: Any) -> Influence:
        return influence(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
__doc__ = influence.__doc__ or ""  # what help() says of what is called
