"""Checks: where each method belongs."""

from __future__ import annotations

from typing import Any

from autograde.tasks import Value, expect, lucky, task

PLACES = {
    "LIME": ["local", "post-hoc", "agnostic"],
    "KernelSHAP": ["local", "post-hoc", "agnostic"],
    "saliency map": ["local", "post-hoc", "specific"],
    "LRP": ["local", "post-hoc", "specific"],
    "surrogate tree": ["global", "post-hoc", "agnostic"],
    "shallow tree": ["global", "intrinsic", "specific"],
    "permutation importance": ["global", "post-hoc", "agnostic"],
    "activation maximisation": ["global", "post-hoc", "specific"],
}


def _words(triple: Any) -> list[str]:
    words = triple if isinstance(triple, list) else []
    return [word.strip().casefold() if isinstance(word, str) else "" for word in words]


@task("taxonomy", Value("taxonomy"), read="Section {{ section }}, the three questions")
def taxonomy(values: dict[str, Any]) -> None:
    given = values["taxonomy"]
    expect(isinstance(given, dict), "`taxonomy` should be a dictionary of triples.")
    right = [method for method, place in PLACES.items() if _words(given.get(method)) == place]
    # One triple throughout is right about some of them, and earns nothing.
    luck = lucky(" ".join(place) for place in PLACES.values())
    expect(
        len(right) == len(PLACES),
        f"{len(right)} of {len(PLACES)} methods are placed rightly in all three respects. Ask of each "
        "whether it explains one prediction or the model, whether the model is explainable by "
        "itself, and whether it needs to look inside.",
        max(0.0, (len(right) - luck) / (len(PLACES) - luck)),
    )
