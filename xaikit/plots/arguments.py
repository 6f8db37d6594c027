"""Do they belong together? Checks of explanations, images and words."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from xaikit.attribution import Explanation


def expect_matching(
    rows: Sequence[Explanation],
    images: Tensor,
    roles: Sequence[str] | None,
    names: Sequence[str] | None,
) -> None:
    """Raise ValueError where explanations, images, roles or names do not match each other."""
    if not rows:
        raise ValueError("attribution_grid needs at least one explanation.")
    targets = rows[0].targets
    for row in rows:
        if row.attributions.ndim != 5 or row.attributions.shape[2:] != images.shape[1:]:
            raise ValueError(
                f"{row.method}'s attributions {tuple(row.attributions.shape)} are no maps (N, T, "
                f"C, H, W) of images of shape {tuple(images.shape)}."
            )
        if row.targets.shape != targets.shape or (row.targets != targets).any():
            raise ValueError(
                f"{row.method} and {rows[0].method} explain different targets: a grid needs the "
                f"same ones."
            )
    if len(images) != len(targets):
        raise ValueError(f"{len(images)} images do not match explanations of {len(targets)}.")
    if roles is not None and len(roles) != targets.shape[1]:
        raise ValueError(f"{len(roles)} roles do not match {targets.shape[1]} targets.")
    if names is not None and len(names) != len(rows):
        raise ValueError(f"{len(names)} names do not match {len(rows)} explanations.")
