"""What does a unit want to see? Images that excite it most, by ascent with regularisers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from xaikit.concepts.parametrisations import (
    Parametrisation,
    in_pixels,
    of_components,
    of_spectrum,
    unit_length,
)
from xaikit.concepts.recording import images_of, layers_of, watching
from xaikit.core.arguments import checked_seed, checked_targets, count
from xaikit.core.autograd import slope
from xaikit.core.cards import data_of
from xaikit.core.cuts import expect_whole
from xaikit.core.devices import own_devices
from xaikit.core.options import NonNegative, accepted
from xaikit.core.passes import progress, unwrapped

Prior = Literal["data", "spectrum"]

SHOWN = 9
"""Images of the data that are shown beside each result."""


@dataclass(frozen=True, repr=False)
class Maximised:
    """Images made to excite units, and those of the data that excite them most.

    Attributes
    ----------
    images
        (M, C, H, W), one for each class or unit.
    units
        (M,), the classes or units.
    activation
        (M,), what each image's unit computes for it, a map's mean.
    nearest
        (M, 9, C, H, W), the images of the data that excite it most, or None without data.
    nearest_activation
        (M, 9), what it computes for those, or None.
    history
        (steps, M), the activations on the way, on the jittered images.
    explanation
        In a sentence.

    Examples
    --------
    >>> import torch
    >>> from xaikit.concepts import maximise
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))
    >>> result = maximise(model, [0, 2], data=torch.rand(12, 1, 4, 4), steps=10)
    >>> result.images.shape, result.nearest.shape, result.history.shape
    (torch.Size([2, 1, 4, 4]), torch.Size([2, 9, 1, 4, 4]), torch.Size([10, 2]))
    """

    images: Tensor
    units: Tensor
    activation: Tensor
    nearest: Tensor | None
    nearest_activation: Tensor | None
    history: Tensor
    explanation: str

    def __repr__(self) -> str:
        return f"Maximised({self.explanation})"


@own_devices
def maximise(
    model: nn.Module,
    target: int | Sequence[int] | Tensor | None = None,
    *,
    layer: str | nn.Module | None = None,
    unit: int | Sequence[int] | Tensor | None = None,
    data: Any = None,
    prior: Prior = "data",
    steps: int = 128,
    jitter: int = 2,
    blur: float = 0,
    total_variation: float = 0,
    l2: float = 0,
    radius: float | None = None,
    seed: int = 0,
    chunk: int = 128,
) -> Maximised:
    """Make an image for each class, or for each unit of a layer, that excites it as much as it can.

    All images climb together, along the gradient of the unit. Without a prior they become textures
    that no camera would take: ``prior`` says what keeps them near to images that there are.

    Parameters
    ----------
    model
        Maps (N, C, H, W) to (N, classes).
    target
        A class or several; or else
    layer, unit
        a layer by its name or the module itself, and one or several of its channels or neurons.
    data
        Images (N, C, H, W) or a data set, from which those are shown that excite the unit most.
        By default the training images of the data set that the model's card names.
    prior
        ``"data"``: an image is the mean of the data plus principal components (those that hold
        95 % of its variance), at most 0.7 times as far from the mean as
        an image of the data typically is, where a component's standard deviation is the unit of
        length. It starts from the one of 256 such images, drawn at random, that excites the unit
        most. Shapes that all of the data have in common are thus the prior's doing, and which of
        them an image shows is the network's. ``"spectrum"``: an image is a sum of waves in which
        low frequencies count more (and colours vary as those of photographs do), squashed to
        [0, 1]; it knows nothing of the data's shapes, and shows textures.
    steps
        Of the ascent.
    jitter
        Pixels by which images are moved at random in each step: no detail that needs an exact
        place survives. 0: none.
    blur
        Standard deviation in pixels of the blur that images pass before the network. 0: none.
    total_variation, l2
        Weights of the penalties: on differences of neighbouring pixels, and on brightness. Each
        is a share of the gradient of the unit. They make images smooth and dark: with
        ``prior="spectrum"`` weights of 0.3 and 0.15 leave hardly more than outlines; with
        ``prior="data"`` small weights outweigh the unit, because its gradient has little of the
        low frequencies in which these images vary most.
    radius
        If given, the ascent takes place in pixels, without the prior and without [0, 1]: in a
        ball (L2) of that radius around black. For a linear network the result is its weights.
    seed
        Of the first images and the jitter.
    chunk
        How many images of the data pass the model at once.

    Returns
    -------
    Maximised

    Notes
    -----
    Papers: Olah et al. 2017, Feature visualization, Distill, doi:10.23915/distill.00007, which has
    the spectrum and the jitter, and discusses priors learned from data; Nguyen et al. 2016,
    Synthesizing the preferred inputs for neurons in neural networks via deep generator networks,
    arXiv:1605.09304, whose prior is a network. The principal components are a simple such prior.

    Examples
    --------
    >>> import torch
    >>> from xaikit.concepts import maximise
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2, bias=False))
    >>> _ = model[1].weight.data.copy_(torch.eye(4)[:2])  # class 0 looks at the first pixel
    >>> data = torch.rand(12, 1, 2, 2)
    >>> found = maximise(model, 0, data=data, radius=1.0, jitter=0, steps=50)
    >>> found.images[0].round(decimals=2)
    tensor([[[1., 0.],
             [0., 0.]]])
    """
    steps, seed = count(steps, "steps"), checked_seed(seed)
    jitter = _at_least_zero(jitter, "jitter", whole=True)
    for value, option in ((blur, "blur"), (total_variation, "total_variation"), (l2, "l2")):
        _at_least_zero(value, option)
    if prior not in (priors := get_args(Prior)):
        raise ValueError(f"unknown prior {prior!r}: choose one of {', '.join(priors)}.")
    if radius is not None and not _at_least_zero(radius, "radius") > 0:
        raise ValueError("radius has to be above 0: a ball of radius 0 holds one image.")
    if (target is None) == (layer is None) or (layer is None) != (unit is None):
        raise ValueError("give either target=, a class or several, or layer= and unit=.")
    if isinstance(layer, list | tuple):
        raise ValueError("maximise takes one layer: call it once for each.")
    model = unwrapped(model)
    instead = "data has to be given: images (N, C, H, W), or a data set"
    shown = images_of(data_of(model, instead) if data is None else data)
    chosen = next(iter(model.children()), model) if layer is None else layer
    if layer is not None:
        layers_of(model, layer)
    with watching(model, shown, chosen, chunk, "what excites a unit") as (watch, inputs):
        name: str | None = None if layer is None else next(iter(watch.layers))
        if name is None:
            watch = replace(watch, layers={})
            expect_whole(watch.model, inputs, "what excites a class")
        every = watch.excitements(inputs, name)
        wanted = _units(target if layer is None else unit, every, name)

        def best(drawn: Tensor) -> Tensor:
            return watch.excitements(drawn, name)[:, wanted].argmax(0)

        climbing: Parametrisation
        if radius is not None:
            climbing = in_pixels(inputs, len(wanted), radius)
        elif prior == "data":
            climbing = of_components(inputs, seed, best)
        else:
            climbing = of_spectrum(inputs, len(wanted), seed)
        generator = torch.Generator().manual_seed(seed)
        history = []
        with progress(steps, "steps") as tell:
            for step in range(steps):
                tell(step)
                images = climbing.images()
                seen = _blurred(images, blur)
                if jitter:
                    by = torch.randint(-jitter, jitter + 1, (2,), generator=generator).tolist()
                    seen = _moved(seen, by)
                excited = watch.excited(seen, name, wanted)
                history.append(excited.detach())
                if not excited.requires_grad:
                    raise ValueError("autograd cannot follow the unit back to the image.")
                pull = slope(excited.sum(), images, retain=True)
                pull = unit_length(pull) - _penalties(images, total_variation, l2)
                climbing.climb(images, pull, step / steps)
            tell(steps)
        with torch.no_grad():
            final = climbing.images().detach()
            activation = watch.excited(final, name, wanted)
        strongest = every[:, wanted].topk(min(SHOWN, len(every)), dim=0)
    nearest = inputs[strongest.indices.T]
    what = "class" if name is None else f"unit of layer {name}"
    beyond = int((activation > strongest.values[0]).sum())
    text = (
        f"{len(wanted)} image{'s' * (len(wanted) != 1)} by {steps} steps of ascent, one for each "
        f"{what}; {beyond} of them excite it more than any of {len(inputs)} images of the data."
    )
    values = strongest.values.T
    return Maximised(final, wanted.cpu(), activation, nearest, values, torch.stack(history), text)


def _at_least_zero(value: Any, name: str, whole: bool = False) -> Any:
    found = accepted(value, NonNegative, name)
    if whole and not isinstance(found, int):
        raise ValueError(f"{name} has to be a whole number of at least 0, not {value!r}.")
    return found


def _units(given: Any, every: Tensor, name: str | None) -> Tensor:
    """Return the classes or units (M,), checked."""
    try:
        wanted = torch.as_tensor(given).reshape(-1)
    except (TypeError, ValueError, RuntimeError):
        wanted = torch.empty(0)
    if name is None:
        return checked_targets(wanted, every[:1].expand(len(wanted) or 1, -1), every.shape[1])[:, 0]
    if wanted.is_floating_point() or wanted.dtype == torch.bool or not len(wanted):
        raise TypeError("unit has to be a whole number, or several.")
    if not bool(((wanted >= 0) & (wanted < every.shape[1])).all()):
        raise ValueError(f"layer {name} has units 0 to {every.shape[1] - 1}.")
    return wanted.long().to(every.device)


def _blurred(images: Tensor, deviation: float) -> Tensor:
    if not deviation:
        return images
    reach = math.ceil(2 * deviation)
    line = torch.arange(-reach, reach + 1).to(images)
    line = torch.exp(-(line**2) / (2 * deviation**2))
    line = line / line.sum()
    kernel = (line[:, None] * line).expand(images.shape[1], 1, -1, -1)
    padded = torch.nn.functional.pad(images, [reach] * 4, mode="replicate")
    return torch.nn.functional.conv2d(padded, kernel, groups=images.shape[1])


def _moved(images: Tensor, by: Sequence[int]) -> Tensor:
    """Return images moved by so many pixels down and right; the border's pixels fill the gap."""
    reach = max(map(abs, by))
    padded = torch.nn.functional.pad(images, [reach] * 4, mode="replicate")
    top, left = reach - by[0], reach - by[1]
    return padded[:, :, top : top + images.shape[2], left : left + images.shape[3]]


def _penalties(images: Tensor, total_variation: float, l2: float) -> Tensor:
    """Return the penalties' gradients, each of that length beside the unit's of length 1."""
    found = torch.zeros_like(images)
    if total_variation:
        rough = images.detach().requires_grad_()
        down = (rough[:, :, 1:] - rough[:, :, :-1]).square().add(1e-6).sqrt().sum()
        across = (rough[..., 1:] - rough[..., :-1]).square().add(1e-6).sqrt().sum()
        found = found + total_variation * unit_length(slope(down + across, rough))
    if l2:
        found = found + l2 * unit_length(images.detach())
    return found
