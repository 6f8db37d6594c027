"""What is shown of a choice? Its explanation as a figure, under a heading, as HTML."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from xaikit.attribution import explain, targets_of_interest
from xaikit.attribution.registry import METHODS
from xaikit.core.logits import logits_of, probabilities_of
from xaikit.core.passes import outputs, placed
from xaikit.data import ImageDataset
from xaikit.metrics import deletion, random_ranking
from xaikit.plots import summary
from xaikit.widgets.choices import SEGMENTS, Choice, counted
from xaikit.widgets.themes import duration, themed

ROLES = ("true", "most likely", "second", "least likely")

BACKGROUND = 32
"""Images of the data, evenly spaced, for methods that compare with a background."""


def explained(model: nn.Module, data: ImageDataset, choice: Choice) -> str:
    """Return the choice's picture with its heading, as HTML."""
    image, label = data[choice.image]
    inputs = placed(model, image.unsqueeze(0))
    four = choice.target is None
    targets = (
        targets_of_interest(model, inputs, torch.tensor([label]))
        if choice.target is None
        else torch.tensor([[choice.target]])
    )
    with torch.no_grad():
        scores = outputs(model, inputs)
        probabilities = probabilities_of(model, inputs)[0].cpu().float()
    asked = model
    if METHODS[choice.method].based_on in ("gradient", "relevance"):
        # Of probabilities the slopes vanish where the network is sure.
        asked = logits_of(model, inputs, scores, METHODS[choice.method].title)
    explanation = explain(asked, inputs, targets, choice.method, **_options(model, data, choice))
    first = replace(
        explanation,
        attributions=explanation.attributions[:, :1],
        targets=explanation.targets[:, :1],
    )
    random = random_ranking(inputs, first.targets)
    figure = summary(
        explanation,
        inputs,
        probabilities,
        {
            choice.method: deletion(model, inputs, first, fill=choice.baseline),
            "random": deletion(model, inputs, random, fill=choice.baseline),
        },
        data.classes,
        ROLES if four else None,
    )
    predicted = int(scores[0].argmax())
    names = data.classes
    heading = f"Image {choice.image}: {names[label]}, " + (
        "classified rightly" if predicted == label else f"taken for {names[predicted]}"
    )
    facts = [METHODS[choice.method].title, duration(explanation.seconds)]
    if asked is not model:
        facts.append("of the logits behind the probabilities")
    if choice.count is not None and (option := counted(choice.method)):
        facts.insert(1, f"{choice.count} {option[0]}")
    if explanation.convergence_delta is not None:
        delta = float(explanation.convergence_delta.abs().max())
        facts.append(f"largest completeness error {delta:.1g}")
    return f"<h4>{html.escape(heading)}</h4><p>{html.escape(' · '.join(facts))}</p>" + themed(
        figure
    )


def _options(model: nn.Module, data: ImageDataset, choice: Choice) -> dict[str, Any]:
    """Return the choice in the method's own words."""
    takes = METHODS[choice.method].options
    options: dict[str, Any] = {}
    if "baseline" in takes:
        options["baseline"] = choice.baseline
    if choice.count is not None and (option := counted(choice.method)):
        options[option[0]] = choice.count
    if choice.segments is not None:
        options["segments"] = SEGMENTS[choice.segments]
    if "background" in takes and "baseline" not in takes:
        apart = max(1, len(data) // BACKGROUND)
        places = range(0, len(data), apart)[:BACKGROUND]
        options["background"] = placed(model, torch.stack([data[i][0] for i in places]))
    return options
