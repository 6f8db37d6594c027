"""The replay buffer that actor and critic learn from."""

from __future__ import annotations

import torch
from torch import Tensor

CAPACITY = 128_000


class Replay:
    """Past tries (image, target, action, reward); a new one replaces the oldest when it is full.

    It holds images by their number, so that a thousand batches take some 30 MB.

    Parameters
    ----------
    codes
        (N, LATENT): gives actions their length, type and device.
    """

    def __init__(self, codes: Tensor) -> None:
        self.rows = torch.zeros(CAPACITY, dtype=torch.int64, device=codes.device)
        self.targets = torch.zeros_like(self.rows)
        self.actions = codes.new_zeros(CAPACITY, codes.shape[1])
        self.rewards = codes.new_zeros(CAPACITY)
        self.written = 0

    def add(self, rows: Tensor, targets: Tensor, actions: Tensor, rewards: Tensor) -> None:
        """Add images (n,), targets (n,), actions (n, LATENT) and rewards (n,)."""
        here = torch.arange(self.written, self.written + len(rows), device=rows.device) % CAPACITY
        self.rows[here], self.targets[here] = rows, targets
        self.actions[here], self.rewards[here] = actions, rewards
        self.written += len(rows)

    def draw(self, n: int, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return n tries, each as likely as any other."""
        filled = min(self.written, CAPACITY)
        here = torch.randint(filled, (n,), generator=random).to(self.rows.device)
        return self.rows[here], self.targets[here], self.actions[here], self.rewards[here]
