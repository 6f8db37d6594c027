"""Can the prediction be moved? Attacks on single inputs."""

from xaikit.attacks.api import attack
from xaikit.attacks.registry import attack_methods
from xaikit.attacks.result import Attack

__all__ = ["Attack", "attack", "attack_methods"]
