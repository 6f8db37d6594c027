"""Can the explanation be trusted? Numbers that test attributions, each with its known flaw.

Every metric is batched over images and targets and takes an :class:`xaikit.Explanation`. None is
a proof: read "known flaw" before you rank methods by it. ``metrics()`` lists them with direction,
flaw and paper; ``evaluate`` fills a table of several metrics of several explanations.
"""

from xaikit.metrics.agreement import rank_agreement
from xaikit.metrics.curves import Curve, deletion, insertion
from xaikit.metrics.evaluation import Score, evaluate, runtime
from xaikit.metrics.infidelity import infidelity
from xaikit.metrics.localisation import localisation, pointing_game, rank_accuracy
from xaikit.metrics.mosaics import Mosaics, mosaics, plant_stickers
from xaikit.metrics.plausibility import token_f1
from xaikit.metrics.randomisation import weight_randomisation
from xaikit.metrics.rankings import intensity_ranking, random_ranking
from xaikit.metrics.registry import Metric, metrics
from xaikit.metrics.sensitivity import sensitivity

__all__ = [
    "Curve",
    "Metric",
    "Mosaics",
    "Score",
    "deletion",
    "evaluate",
    "infidelity",
    "insertion",
    "intensity_ranking",
    "localisation",
    "metrics",
    "mosaics",
    "plant_stickers",
    "pointing_game",
    "random_ranking",
    "rank_accuracy",
    "rank_agreement",
    "runtime",
    "sensitivity",
    "token_f1",
    "weight_randomisation",
]
