"""Can the prediction be moved? Attacks on single inputs."""

from xaikit.attacks.api import attack
from xaikit.attacks.result import Attack

__all__ = ["Attack", "attack"]
