"""Was the model tampered with? Triggers, poisoned data, and methods that look for them."""

from xaikit.backdoors.api import detect
from xaikit.backdoors.detection import Detection
from xaikit.backdoors.hidden_triggers import Signal, Warp, sinusoidal, warping
from xaikit.backdoors.poisoning import PoisonedDataset, attack_success, poison
from xaikit.backdoors.registry import detection_methods
from xaikit.backdoors.repair import prune, unlearn
from xaikit.backdoors.triggers import (
    Trigger,
    blended,
    checkered,
    corner_square,
    smiley,
    sticker,
    trigger_of,
)

__all__ = [
    "Detection",
    "PoisonedDataset",
    "Signal",
    "Trigger",
    "Warp",
    "attack_success",
    "blended",
    "checkered",
    "corner_square",
    "detect",
    "detection_methods",
    "poison",
    "prune",
    "sinusoidal",
    "smiley",
    "sticker",
    "trigger_of",
    "unlearn",
    "warping",
]
