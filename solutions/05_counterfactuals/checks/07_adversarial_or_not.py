"""Checks of section 7: whom the images convince, computed anew with two trusted networks."""

from __future__ import annotations

import functools
from typing import Any

import torch

from autograde.tasks import Value, expect, lucky, says, task
from xaikit import attack, counterfactual, load_pretrained

from ...shared.checks import compared
from .world import world

TRANSFER = 60
TEXT = {"transfer_count": str(TRANSFER)}


@functools.cache
def _transfer() -> dict[str, float]:
    here = world()
    usable = [
        i
        for i in range(1000 if len(here.right) >= 1000 else len(here.right))
        if here.right[i] and here.labels[i] != here.dress
    ]
    rows = torch.tensor(usable[:TRANSFER])
    x, labels = here.images[rows], here.labels[rows]
    second = load_pretrained("lecture")
    pictures = {
        "adversarial": attack(
            here.model, x, labels, "pgd", targets=here.dress, epsilon=0.1
        ).adversarial,
        "wachter": counterfactual(here.model, x, here.dress, "wachter").counterfactuals[:, 0],
        "prototype": counterfactual(here.model, x, here.dress, "prototype").counterfactuals[:, 0],
    }
    shares = {}
    with torch.no_grad():
        for name, each in pictures.items():
            first = here.model(each).argmax(1) == here.dress
            both = first & (second(each).argmax(1) == here.dress)
            shares[name] = int(both.sum()) / int(first.sum())
    return shares


@task("transfer", Value("transfer", "most_convincing"), read="section 7")
def transfer(values: dict[str, Any]) -> None:
    """Ask both trusted networks; two thirds for the shares, and the name counts beside them."""
    wanted = _transfer()
    right, wrong = compared(values["transfer"], wanted, "transfer", 0.03)
    luck = lucky(wanted.values(), 0.03)
    expect(
        not wrong,
        "The shares are not right: of the images that the first network takes for a dress, which "
        f"share does the second take for one, too? Look again at: {', '.join(wrong)}.",
        2 / 3 * max(0.0, (len(right) - luck) / (len(wanted) - luck)) if luck < len(wanted) else 0.0,
    )
    named = says(values["most_convincing"], max(wanted, key=wanted.__getitem__))
    expect(named, "`most_convincing` should name the kind with the largest share.", 2 / 3)
