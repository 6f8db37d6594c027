"""What do images of a class look like? Small autoencoders, trained and ready.

One per data set helps the counterfactuals guided by prototypes. The *judges*, one of all classes
and one of each class, judge counterfactuals; no search has seen them.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaikit.checkpoints import fill, halved, opened, write
from xaikit.core.arguments import checked_unit_inputs, count, known
from xaikit.core.autograd import passed
from xaikit.core.devices import own_devices
from xaikit.core.options import plain_numbers
from xaikit.data import load
from xaikit.progress import Bar

_BATCH = 128


class Autoencoder(nn.Module):
    """Describes an image by a few numbers, and reconstructs it from these.

    Two convolutions and a linear layer each way.

    Parameters
    ----------
    width
        Feature maps of the first convolution; the second has twice as many.
    latent
        Numbers that describe an image.

    Attributes
    ----------
    encoder, decoder : torch.nn.Sequential
        (N, 1, 28, 28) to (N, latent), and back to [0, 1].
    """

    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * width * 49, latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, 2 * width * 49),
            nn.ReLU(),
            nn.Unflatten(1, (2 * width, 7, 7)),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the images (N, 1, 28, 28), reconstructed."""
        drawn: Tensor = self.decoder(self.encoder(images))
        return drawn


class Autoencoders(nn.ModuleDict):
    """A shipped set of autoencoders by name; ``card`` says where it comes from."""

    card: dict[str, Any]

    def __init__(self, members: dict[str, Autoencoder]) -> None:
        super().__init__(members)
        self.card = {}


def _guide() -> Autoencoders:
    return Autoencoders({"all": Autoencoder(16, 32)})


def _judges() -> Autoencoders:
    own = {str(label): Autoencoder(8, 16) for label in range(10)}
    return Autoencoders({"all": Autoencoder(16, 32), **own})


_DATA = ("fashion_mnist", "mnist")

RECIPES = {
    f"{kind}_{data}": (data, build, seed)
    for data in _DATA
    for kind, build, seed in (("autoencoder", _guide, 0), ("judges", _judges, 1))
}
"""Data set, networks and seed of each shipped set. The judges' seed is their own: other starting
weights, other order."""


def load_autoencoder(
    data: str, device: torch.device | str | None = None, folder: str | Path | None = None
) -> Autoencoder:
    """Return the autoencoder of a data set, for prototypes and for searches to stay realistic.

    Parameters
    ----------
    data
        ``"fashion_mnist"`` or ``"mnist"``.
    device
        Where it computes; the CPU by default.
    folder
        Where its files lie, if not among the checkpoints of this package.

    Returns
    -------
    Autoencoder
        In evaluation mode, with ``.encoder`` and ``.decoder``.

    Raises
    ------
    ValueError, FileNotFoundError
        If there are none of that data set, its checkpoint is damaged, or missing.

    Examples
    --------
    >>> from xaikit import load
    >>> from xaikit.autoencoders import load_autoencoder
    >>> images = load("fashion_mnist").images[:1]
    >>> autoencoder = load_autoencoder("fashion_mnist")
    >>> autoencoder.encoder(images).shape, autoencoder(images).shape
    (torch.Size([1, 32]), torch.Size([1, 1, 28, 28]))
    """
    member = _load("autoencoder", data, device, folder)["all"]
    assert isinstance(member, Autoencoder)
    return member


def load_judges(
    data: str, device: torch.device | str | None = None, folder: str | Path | None = None
) -> Autoencoders:
    """Return a data set's judges, ``"all"`` and ``"0"`` to ``"9"``, which no search uses.

    Parameters and errors are those of :func:`load_autoencoder`.

    Examples
    --------
    >>> from xaikit.autoencoders import load_judges
    >>> sorted(load_judges("fashion_mnist"))
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'all']
    """
    return _load("judges", data, device, folder)


def _load(
    kind: str, data: str, device: torch.device | str | None, folder: str | Path | None
) -> Autoencoders:
    name = f"{kind}_{data}"
    if name not in RECIPES:
        shipped = ", ".join(map(repr, _DATA))
        raise ValueError(f"There are no autoencoders of {data!r}, only of {shipped}.")
    with torch.random.fork_rng(devices=[]):  # first weights are drawn, and thrown away
        networks = RECIPES[name][1]()
    with opened(name, folder) as (card, weights):
        fill(networks, weights)
        networks.card = card
    return networks.eval().to(device)


@own_devices
@plain_numbers
def train_autoencoder(
    network: Autoencoder, images: Tensor, *, steps: int = 3000, seed: int = 0
) -> Autoencoder:
    """Train an autoencoder, in place, by least squares: Adam, one cycle of the learning rate.

    Parameters
    ----------
    network
        On the images' device.
    images
        (N, 1, 28, 28) in [0, 1].
    steps
        Batches of 128 images, drawn at random.
    seed
        Decides their order. The global random state is neither used nor changed.

    Raises
    ------
    ValueError, TypeError
        If there are no images or no steps, or the network cannot take the images.
    """
    count(steps, "steps")
    images = checked_unit_inputs(network, images)
    random = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    network.train()
    for _ in Bar(range(steps), "autoencoder"):
        x = images[torch.randint(len(images), (_BATCH,), generator=random).to(images.device)]
        loss = functional.mse_loss(passed(network, x), x)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return network.eval()


def pretrain(name: str, root: str | Path | None = None) -> Autoencoders:
    """Train the set of that name by its recipe, and write its card.

    The card's ``errors`` are the mean squared errors a pixel on the test images: of each member's
    own class, or of all.

    Parameters
    ----------
    name
        One of ``RECIPES``.
    root
        The data's folder, as in :func:`xaikit.load`.

    Raises
    ------
    ValueError
        If there is no recipe of that name.
    """
    data, build, seed = known(RECIPES, name, "set of autoencoders")
    train, test = load(data, "train", root), load(data, "test", root)
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would reseed every GPU as well.
        torch.default_generator.manual_seed(seed)
        networks = build()
    errors = {}
    for member, network in networks.items():
        assert isinstance(network, Autoencoder)
        seen, unseen = train.images, test.images
        if member != "all":
            seen, unseen = (each.images[each.labels == int(member)] for each in (train, test))
        train_autoencoder(network, seen, steps=_steps(member, seen), seed=seed)
        network.half().float()  # what the file keeps
        with torch.no_grad():
            drawn = torch.cat([network(part) for part in torch.split(unseen, 500)])
        errors[member] = round(float(functional.mse_loss(drawn, unseen)), 5)
    networks.card = {
        "name": name,
        "data": data,
        "split": "train",
        "training_images": len(train),
        "seed": seed,
        "errors": errors,
        "test_images": len(test),
        "parameters": sum(parameter.numel() for parameter in networks.parameters()),
        "command": f"python -m xaikit train {name}",
        "torch": torch.__version__,
    }
    return networks


def _steps(member: str, images: Tensor) -> int:
    """Five epochs of all images, or twenty of a class."""
    return math.ceil((5 if member == "all" else 20) * len(images) / _BATCH)


def save(networks: Autoencoders, folder: Path) -> None:
    """Write the weights, in half precision, and the card as NAME.safetensors and NAME.json."""
    write(networks.card, halved(networks.state_dict()), folder)
