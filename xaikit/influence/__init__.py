"""Which training examples made the model answer as it does? One call for every method."""

from xaikit.influence.study import Study, study

__all__ = ["Study", "study"]
