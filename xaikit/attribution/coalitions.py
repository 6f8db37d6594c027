"""Which coalitions KernelSHAP evaluates: pairs of one and its complement, all different."""

from __future__ import annotations

import math
from itertools import combinations

import torch
from torch import Tensor

from xaikit.attribution.interactions import Interactions

CHOSEN = 256
"""So many pairs at most are chosen one by one, which costs their number's square each; fewer of
more segments than that."""


def coalitions(size: int, samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return coalitions (M, size), boolean, M ≤ samples, and their weights (M,), float64.

    The second half are the complements of the first. All 2^size − 2 with the Shapley kernel's
    weights if there are so few. Otherwise the first pairs are those that together tell most about
    the values (:meth:`~xaikit.attribution.interactions.Interactions.most_telling`), of four times
    as many that are drawn by the kernel; the others are drawn by the kernel.
    """
    pairs = samples // 2
    half, weights = drawn_pairs(size, pairs, generator)
    if 0 < pairs < 2 ** (size - 1) - 1:
        chosen = min(pairs, CHOSEN, CHOSEN**2 // size)
        pool, of_pool = drawn_pairs(size, 4 * chosen, generator)
        kept = Interactions(size).most_telling(pool, chosen, generator)
        known = {row.tobytes() for row in pool[kept].numpy()}
        others = [i for i, row in enumerate(half.numpy()) if row.tobytes() not in known]
        others = others[: pairs - len(kept)]
        half = torch.cat([pool[kept], half[others]])
        weights = torch.cat([of_pool[kept], weights[others]])
    return torch.cat([half, ~half]), torch.cat([weights, weights])


def drawn_pairs(size: int, number: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return different coalitions with the first segment, (m, size), m ≤ number, and weights.

    From the outside every size whose share of the number suffices for all of its coalitions, and
    of the other sizes a random choice, weighted by their chance to be drawn.
    """
    # A coalition's size and its complement's together; the kernel gives all coalitions of size s
    # together a weight of 1 / (s (size − s)).
    layers = list(range(1, size // 2 + 1))
    shares = {s: (1 if 2 * s == size else 2) / (s * (size - s)) for s in layers}
    whole: list[tuple[int, ...]] = []
    masses: list[float] = []
    while layers:
        s = layers[0]
        left, pairs = number - len(whole), _pairs_of(size, s)
        if pairs > left or pairs > left * shares[s] / sum(shares[k] for k in layers) + 1e-9:
            break
        whole += list(combinations(range(size), s))[:pairs]
        masses += [shares[s] / pairs / 2] * pairs
        layers.pop(0)
    half = torch.zeros(len(whole), size, dtype=torch.bool)
    for row, subset in enumerate(whole):
        half[row, list(subset)] = True
    # A pair is the same whichever half is named: the one with the first segment stands for it.
    half ^= ~half[:, :1]
    weights = torch.tensor(masses, dtype=torch.float64)
    if layers and len(half) < number:
        drawn, of_drawn = _drawn(size, layers, shares, number - len(half), generator)
        half, weights = torch.cat([half, drawn]), torch.cat([weights, of_drawn])
    return half, weights


def _pairs_of(size: int, s: int) -> int:
    """Return how many pairs there are of coalitions of s segments and their complements."""
    return math.comb(size, s) // (2 if 2 * s == size else 1)


def _drawn(
    size: int, layers: list[int], shares: dict[int, float], number: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return different coalitions (m, size), m ≤ number, of these sizes; half the weight each.

    Pairs are drawn by the kernel until enough differ and weighted by their probability to be
    among so many draws (Horvitz and Thompson's correction), which serves better than counting
    repetitions.
    """
    mass = torch.tensor([shares[s] for s in layers], dtype=torch.float64)
    found: set[bytes] = set()
    rows: list[Tensor] = []
    draws = 0
    # The last new coalitions of a nearly exhausted size may take long to come: stop looking.
    while len(found) < number and draws < 8 * number:
        picked = torch.multinomial(mass, number, replacement=True, generator=generator)
        wanted = torch.tensor(layers)[picked].unsqueeze(1)
        keys = torch.rand((number, size), generator=generator, dtype=torch.float64)
        mask = keys.argsort(1).argsort(1) < wanted
        mask ^= ~mask[:, :1]
        for row in mask:
            if len(found) == number:
                break
            draws += 1
            key = row.numpy().tobytes()
            if key not in found:
                found.add(key)
                rows.append(row)
    chosen = torch.stack(rows)
    sizes = chosen.sum(1)
    smaller = torch.minimum(sizes, size - sizes)
    total = float(mass.sum())
    chance = torch.tensor(
        [shares[s] / total / _pairs_of(size, s) for s in smaller.tolist()], dtype=torch.float64
    )
    included = -torch.expm1(draws * torch.log1p(-chance.clamp(max=1 - 1e-12)))
    return chosen, chance * total / 2 / included
