"""Which concept does a unit detect? Network dissection: IoU of units with masks, beside chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from xaikit.concepts.recording import Layers, Watch, enough, images_of, watching
from xaikit.core.arguments import checked_seed, count
from xaikit.core.devices import own_devices

FEWEST = 10
"""Images that a threshold needs."""
TOP = 0.005
"""Share of a unit's activations above its threshold."""
LEAST = 0.04
"""IoU that a detector has at least, as in the paper."""


@dataclass(frozen=True, repr=False)
class Dissection:
    """IoU of every unit with every concept.

    Attributes
    ----------
    units
        Layer and channel of each unit, in the order of the axes below.
    concepts
        Names, in the order of the axes below.
    iou
        (units, concepts).
    chance
        (units, concepts), the mean IoU where every image has the mask of another one.
    detects
        (units, concepts) booleans: IoU is at least 0.04, and exceeds chance by more than any unit
        and concept did in any of the permutations.
    thresholds
        (units,), above which a unit has 0.5 % of its activations.
    explanation
        In a sentence.

    Examples
    --------
    >>> import torch
    >>> from xaikit.concepts import dissect, plant
    >>> images, masks = plant(torch.zeros(40, 1, 20, 20), "sticker", share=0.1)
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1, bias=False), torch.nn.Flatten())
    >>> _ = torch.nn.init.ones_(model[0].weight)  # the only unit shows the image
    >>> result = dissect(model, images, {"sticker": masks}, layer="0")
    >>> result.units, result.concepts, result.detects
    ((('0', 0),), ('sticker',), tensor([[True]]))
    """

    units: tuple[tuple[str, int], ...]
    concepts: tuple[str, ...]
    iou: Tensor
    chance: Tensor
    detects: Tensor
    thresholds: Tensor
    explanation: str

    def __repr__(self) -> str:
        return f"Dissection({self.explanation})"


@own_devices
def dissect(
    model: nn.Module,
    data: Any,
    masks: Mapping[str, Tensor],
    *,
    layer: Layers,
    permutations: int = 20,
    seed: int = 0,
    chunk: int = 128,
) -> Dissection:
    """Compare where units are active with where images show concepts.

    A unit's map is enlarged to the images' size (bilinear), and cut at the threshold above which
    0.5 % of its activations on all images lie. IoU is the intersection with the concept's masks
    divided by their union, over all images together. How much of it is due to masks and maps that
    lie in the middle anyway is measured with the masks of other images.

    Parameters
    ----------
    model
        Maps (N, C, H, W) to (N, classes).
    data
        Images (N, C, H, W) or a data set.
    masks
        By concept, (N, H, W) booleans; see :func:`xaikit.concepts.masks_of` and
        :func:`xaikit.concepts.plant`.
    layer
        A layer by its name or the module itself, or a list of such, whose outputs are maps
        (N, units, h, w).
    permutations
        How often masks are permuted. With 20, a network that detects nothing is said to detect
        something in one case of 21.
    seed
        Of the permutations.
    chunk
        How many images pass the model at once.

    Returns
    -------
    Dissection

    Notes
    -----
    Paper: Bau et al. 2017, Network dissection: quantifying interpretability of deep visual
    representations, arXiv:1704.05796. Chance by permuted masks is not the paper's. A unit is active
    at 0.5 % of all places, so the IoU with a concept that covers more than an eighth of them cannot
    reach 0.04: silhouettes are not detected, however well a unit follows them.

    Examples
    --------
    >>> import torch
    >>> from xaikit.concepts import dissect, plant
    >>> images, masks = plant(torch.zeros(40, 1, 20, 20), "sticker", share=0.1)
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1, bias=False), torch.nn.Flatten())
    >>> _ = torch.nn.init.ones_(model[0].weight)  # the only unit shows the image
    >>> dissect(model, images, {"sticker": masks}, layer="0").iou
    tensor([[1.]], dtype=torch.float64)
    """
    if layer is None:
        raise ValueError("layer has to name a layer that returns maps, or a list of such.")
    permutations, seed = count(permutations, "permutations"), checked_seed(seed)
    images = enough(images_of(data), FEWEST, "a dissection")
    names, stacked = _stacked(images, masks)
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.arange(len(images))]
    orders += [torch.randperm(len(images), generator=generator) for _ in range(permutations)]
    with watching(model, images, layer, chunk, "what units detect") as (watch, inputs):
        tops = _thresholds(watch, inputs)
        units = tuple((name, k) for name, each in tops.items() for k in range(len(each)))
        overlap, active = _counts(watch, inputs, tops, stacked.to(inputs.device), orders)
    areas = stacked.sum((1, 2, 3)).double()
    joint = active[:, None, None] + areas[None, :, None] - overlap
    every = torch.where(joint > 0, overlap / joint.clamp_min(1), 0.0)
    iou, permuted = every[..., 0], every[..., 1:]
    chance = permuted.mean(2)
    level = 0.0
    if permutations > 1:  # each permutation beside the mean of the others, as the masks are
        level = float((permuted - chance[..., None]).max()) * permutations / (permutations - 1)
    detects = (iou >= LEAST) & (iou - chance > level)
    return Dissection(
        units,
        names,
        iou,
        chance,
        detects,
        torch.cat(list(tops.values())).double().cpu(),
        _sentence(units, names, iou, chance, detects),
    )


def _stacked(images: Tensor, masks: Mapping[str, Tensor]) -> tuple[tuple[str, ...], Tensor]:
    """Return names and masks (concepts, N, H, W), checked."""
    if not isinstance(masks, Mapping) or not masks:
        raise TypeError(
            "masks have to be a dictionary from a concept's name to (N, H, W) booleans."
        )
    wanted = (len(images), *images.shape[2:])
    for name, each in masks.items():
        if not isinstance(each, Tensor) or each.dtype != torch.bool or each.shape != wanted:
            shape = (
                f"{each.dtype} of shape {tuple(each.shape)}"
                if isinstance(each, Tensor)
                else (type(each).__name__)
            )
            raise ValueError(
                f"masks[{name!r}] has to hold booleans of shape {wanted}, one for each pixel, not "
                f"{shape}."
            )
        if not each.any():
            raise ValueError(f"masks[{name!r}] marks no pixel: leave this concept out.")
    return tuple(masks), torch.stack([each.cpu() for each in masks.values()])


def _expect_maps(name: str, values: Tensor) -> Tensor:
    if values.ndim != 4:
        raise ValueError(
            f"layer {name} returns {tuple(values.shape)}, no maps (N, units, h, w): choose a "
            f"convolution, or what follows one."
        )
    return values


def _thresholds(watch: Watch, images: Tensor) -> dict[str, Tensor]:
    """Return, by layer, what each unit's top activations exceed: the exact quantile, in a pass."""
    kept: dict[str, Tensor] = {}
    wanted: dict[str, int] = {}
    for _, _, found in watch.activations(images):
        for name, values in found.items():
            maps = _expect_maps(name, values).transpose(0, 1).flatten(1)
            if name not in wanted:
                each = values.shape[2] * values.shape[3]
                wanted[name] = max(1, int(TOP * len(images) * each))
                kept[name] = maps[:, :0]
            both = torch.cat([kept[name], maps], 1)
            # One more than lie above the threshold: the threshold itself.
            size = min(wanted[name] + 1, both.shape[1])
            kept[name] = both.topk(size, 1, sorted=False).values
    return {name: each.amin(1) for name, each in kept.items()}


def _counts(
    watch: Watch,
    images: Tensor,
    tops: Mapping[str, Tensor],
    masks: Tensor,
    orders: list[Tensor],
) -> tuple[Tensor, Tensor]:
    """Return pixels in unit and mask (units, concepts, orders), and in the unit (units,)."""
    size = tuple(masks.shape[2:])
    total = sum(map(len, tops.values()))
    overlap = torch.zeros(total, len(orders) * len(masks), dtype=torch.float64)
    active = torch.zeros(total, dtype=torch.float64)
    for place, _, found in watch.activations(images):
        shown = torch.cat([masks[:, order[place]] for order in orders]).flatten(1).float()
        row = 0
        for name, values in found.items():
            maps = values
            if tuple(maps.shape[2:]) != size:
                maps = torch.nn.functional.interpolate(
                    maps.contiguous(), size, mode="bilinear", align_corners=False
                )
            on = maps.transpose(0, 1).flatten(1) > tops[name][:, None]
            rows = slice(row, row + len(on))
            # Counts in a chunk stay below 2 ** 24, so single precision is exact.
            overlap[rows] += (on.float() @ shown.T).double().cpu()
            active[rows] += on.sum(1).double().cpu()
            row = rows.stop
    return overlap.view(total, len(orders), len(masks)).transpose(1, 2), active


def _sentence(
    units: tuple[tuple[str, int], ...],
    names: tuple[str, ...],
    iou: Tensor,
    chance: Tensor,
    detects: Tensor,
) -> str:
    some = int(detects.any(1).sum())
    row, column = divmod(int((iou - chance).argmax()), len(names))
    layer, unit = units[row]
    return (
        f"{some} of {len(units)} units detect{'s' * (some == 1)} a concept beyond chance; the "
        f"largest excess: unit {unit} of layer {layer} with {names[column]!r}, IoU "
        f"{float(iou[row, column]):.3f}, by chance {float(chance[row, column]):.3f}."
    )
