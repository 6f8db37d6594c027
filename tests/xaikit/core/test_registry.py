"""The tables of methods: what they say a method needs is what it cannot do without."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from wrong_values import IMAGES, MANY, NETWORK, called

import xaikit
from xaikit import (
    attack_methods,
    counterfactual_methods,
    detection_methods,
    influence_methods,
    methods,
)
from xaikit.core.registry import Entry, Need
from xaikit.metrics import evaluate, metrics, random_ranking

CALLS = {
    "explain": methods(),
    "attack": attack_methods(),
    "detect": detection_methods(),
    "counterfactual": counterfactual_methods(),
    "influence": influence_methods(),
}
FAMILIES: dict[str, list[Any]] = {**CALLS, "metrics": metrics()}
ENTRIES = [(family, entry) for family, entries in FAMILIES.items() for entry in entries]
ASKED = [(family, entry) for family, entries in CALLS.items() for entry in entries]


def named(entry: Any) -> str | None:
    return entry.name if isinstance(entry, Entry) else None


@pytest.mark.parametrize(("family", "entry"), ENTRIES, ids=named)
def test_an_entry_says_what_it_is_called_needs_and_cites(family: str, entry: Entry) -> None:
    assert entry.title[0].isupper()
    assert set(entry.needs) <= set(typing.get_args(Need)) and len(set(entry.needs)) == len(
        entry.needs
    )
    if entry.name != "runtime":
        assert re.search(r"(19|20)\d\d.*(arXiv:\d{4}\.\d{4,5}|doi:10\.|IEEE)", entry.paper)
    parameters = inspect.signature(entry.function).parameters.values()
    assert entry.options == tuple(each.name for each in parameters if each.kind.name[0] == "K")
    assert entry.paper in (entry.function.__doc__ or "")


def test_every_word_for_a_need_has_a_method_and_a_meaning() -> None:
    words = set(typing.get_args(Need))
    assert {need for _, entry in ENTRIES for need in entry.needs} == words
    text = inspect.getsource(inspect.getmodule(Entry))  # type: ignore[arg-type]
    assert all(f'``"{word}"``' in text for word in words)


def test_lists_are_in_the_order_in_which_messages_and_menus_name_the_methods() -> None:
    assert [each.name for each in attack_methods()] == [
        *("fgsm", "pgd", "apgd", "patch", "universal_patch")
    ]
    assert [each.name for each in detection_methods()] == [
        "neural_cleanse",
        "mm_bd",
        "spray",
        "activation_clustering",
        "spectral_signatures",
    ]
    assert [each.name for each in counterfactual_methods()] == ["wachter", "prototype", "rl"]


@pytest.mark.parametrize("family", CALLS)
def test_a_calls_documentation_lists_its_methods_and_their_options(family: str) -> None:
    text = inspect.getdoc(getattr(xaikit, family)) or ""
    assert "{methods}" not in text
    for entry in CALLS[family]:
        head = re.escape(f'- ``"{entry.name}"``, {entry.title}')
        line = re.search(rf"{head}(.*?)(?=\n *- |\n\w)", text, re.DOTALL)
        assert line and re.findall(r"``(\w+)``", line.group(1)) == list(entry.options)


def test_the_lists_are_public_where_the_calls_are() -> None:
    kinds = ("", "attack_", "detection_", "counterfactual_", "influence_")
    assert {f"{kind}methods" for kind in kinds} <= set(xaikit.__all__)
    # A function of the name of a subpackage would hide it.
    assert all(inspect.ismodule(getattr(xaikit, each)) for each in ("attacks", "metrics"))


# --- what a method needs ----------------------------------------------------------------------


class Blind(nn.Module):
    """Classifies as the network does, where no gradient comes through any layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = NETWORK

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x.detach())
        return x.detach()


class Formula(nn.Module):
    """A differentiable classifier of no layer that a method could know."""

    def __init__(self) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.register_buffer("first", torch.randn(144, 8, generator=draw) / 12)
        self.register_buffer("last", torch.randn(8, 5, generator=draw))

    def forward(self, x: Tensor) -> Tensor:
        hidden = x.flatten(1) @ self.first
        found: Tensor = (torch.tanh(hidden) * hidden.cos()) @ self.last
        return found


def refuses(call: Callable[[], Any]) -> bool:
    """Return whether a call ends in a sentence."""
    try:
        call()
    except (ValueError, TypeError) as error:
        assert "\n" not in str(error) and not str(error).startswith("element 0")
        return True
    return False


@pytest.mark.parametrize(("family", "entry"), ASKED, ids=named)
def test_gradients_are_needed_exactly_where_the_table_says_so(family: str, entry: Entry) -> None:
    model = Blind()
    # An attack has something to do where the model is right.
    changes = {"labels": NETWORK(IMAGES).argmax(1)} if family == "attack" else {}
    needed = refuses(lambda: called(family, entry.name, model=model, **changes))
    assert needed == ("gradients" in entry.needs)


def possible(entry: Entry, model: nn.Module) -> dict[str, Any]:
    """Return targets that the method reaches: prototypes are found among what the model sees."""
    if entry.name != "prototype":
        return {}
    return {"targets": int(model(MANY).argmax(1).mode().values)}


@pytest.mark.parametrize(("family", "entry"), ASKED, ids=named)
def test_layers_are_needed_exactly_where_the_table_says_so(family: str, entry: Entry) -> None:
    model = Formula()
    changes = possible(entry, model)
    needed = refuses(lambda: called(family, entry.name, model=model, **changes))
    assert needed == ("layers" in entry.needs)


def test_model_agnostic_means_that_outputs_suffice() -> None:
    for each in methods():
        assert each.model_agnostic == (each.needs == ("outputs",))


@pytest.mark.parametrize(("family", "entry"), ASKED, ids=named)
def test_data_and_networks_are_needed_exactly_where_the_table_says_so(
    family: str, entry: Entry
) -> None:
    """Without a card, and without the option that would give it, the method refuses."""
    gives = {
        "training data": ("background", "examples"),
        "labels": ("labels",),
        "autoencoder": ("autoencoder",),
        "generator": ("generator",),
        "clean data": ("inputs",),
    }
    for need, options in gives.items():
        # None is the default of every such option.
        changes: dict[str, Any] = {each: None for each in options if each in entry.options}
        if family == "influence":
            changes = {
                "training data": {"training": None},
                "labels": {"training": (MANY, None)},
            }.get(need, {})
        elif family == "detect":
            changes = {"labels": {"labels": None}, "clean data": {}}.get(need, {})
        if need == "autoencoder" and changes:
            changes["prototypes"] = "encoder"
        if (family, entry.name) == ("explain", "exemplar") and changes:
            changes = {"examples": None, "labels": None}
        if not changes or entry.name == "kernel_shap":  # a background is one of its baselines
            continue
        refused = refuses(lambda c=changes: called(family, entry.name, **c))
        assert refused == (need in entry.needs), need


def test_a_metric_that_needs_ground_truth_takes_a_mask_or_a_rationale() -> None:
    for each in metrics():
        parameters = inspect.signature(each.function).parameters
        asked = {name for name, one in parameters.items() if one.default is one.empty}
        assert ("ground truth" in each.needs) == bool(asked & {"mask", "rationale"})


def test_a_metric_that_needs_the_method_says_nothing_of_maps_by_hand() -> None:
    scores = evaluate(
        NETWORK,
        IMAGES,
        [random_ranking(IMAGES, 0)],
        ["deletion", "insertion", "infidelity", "sensitivity", "weight_randomisation", "runtime"],
        options={"infidelity": {"samples": 2}},
    )
    needs = {each.name: each.needs for each in metrics()}
    for score in scores:
        assert bool(score.scores.isnan().all()) == ("method" in needs[score.metric])


def test_metrics_of_outputs_ask_no_gradients_or_layers() -> None:
    for each in metrics():
        if "outputs" in each.needs:
            assert not refuses(lambda n=each.name: called("metrics", n, model=Blind()))
            assert not refuses(lambda n=each.name: called("metrics", n, model=Formula()))
