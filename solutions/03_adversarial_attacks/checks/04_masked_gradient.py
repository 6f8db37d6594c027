"""Checks of section 4: the found images are tried on the network."""

from __future__ import annotations

import functools
from typing import Any

import torch

from autograde.tasks import Value, expect, expect_array, expect_entry, task
from xaikit import attack

from ...shared.checks import expect_number
from .shares import share_of
from .world import HERE

SUSPICIOUS = {
    "a single step fools more images than many small steps": True,
    "random noise of the same size fools more images than the attack": True,
    "with ε = 1, any image allowed, the attack still fails on some images": True,
    "the robust accuracy falls to zero as ε grows": False,
    "images made for another network fool it more often than its own gradient does": True,
    "more steps and more restarts find a few more adversarial examples": False,
}


@functools.cache
def _apparent() -> float:
    x, labels = HERE.images[:100], HERE.labels[:100]
    result = attack(HERE.sure, x, labels, "pgd", epsilon=0.1, steps=20)
    return float((result.predicted == labels).double().mean())


@task(
    "masking",
    Value("apparent", "unmasked", "suspicious"),
    read="section 4 and Athalye, Carlini and Wagner 2018",
)
def masking(answer: dict[str, Any]) -> None:
    """Try the images on the network, where a factor changes no decision."""
    x, labels = HERE.images[:100], HERE.labels[:100]
    changed = torch.from_numpy(expect_array(answer["unmasked"], (100, 1, 28, 28), "unmasked"))
    expect(
        float((changed - x).abs().max()) < 0.1002
        and float(changed.min()) > -1e-4
        and float(changed.max()) < 1.0001,
        "`unmasked` has to stay within 0.1 of `hundred`, and in [0, 1].",
    )
    fooled = 1 - share_of(HERE.model, changed.float(), labels)
    expect(
        fooled > 0.895,
        "`unmasked` should fool `sure` on at least 90 of the 100 images: follow a gradient that does "
        "not vanish, such as that of the margin of the logits.",
    )
    expect(
        abs(expect_number(answer["apparent"], "apparent") - _apparent()) < 0.05,
        "The images are right; `apparent` should be the robust accuracy of `sure` under the "
        "library's PGD, the share that is still right.",
        fraction=0.6,
    )
    said_so = answer["suspicious"]
    for observation, wanted in SUSPICIOUS.items():
        value = expect_number(
            expect_entry(said_so, observation, "suspicious"), f"suspicious[{observation!r}]"
        )
        expect(
            bool(value) == wanted,
            "The images are right; `suspicious`: which observation could not be made if the attack "
            "did its work, and which is what any honest evaluation finds?",
            fraction=0.6,
        )
