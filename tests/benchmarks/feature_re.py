"""FeatureRE beside ours: a change of the image that a few features carry to the target.

Wang, Mei, Ding, Zhai & Ma 2022, Rethinking the reverse-engineering of Trojan triggers, Advances in
Neural Information Processing Systems. For every class a small U-Net F changes clean images of
other classes a little, and a mask m over the features A says which of them matter: the classifier's
head is asked about m · A(F(x)) + (1 − m) · A(x'), x' being another clean image. Both are lowered in
turn, so that at least 90 % of the images go to the class, while F changes pixels by a mean square of
at most 0.15, the masked features vary by at most 1, and the mask's L1 norm is at most 3 % of the
features. The value of a class is the cosine between its own mean features and the found ones, less
the share of images that go to it, plus how far each bound is missed, relative to the bound; the
smallest of all epochs counts. A network whose smallest value is below −0.75 has a backdoor.

Steps, bounds and losses are those of the authors' code, written afresh. Four things differ, so that
ten classes take seconds on a processor: F has two levels instead of four, of 8 instead of 32
filters, and adds its output to the image; 200 images are given, not thousands; epochs are fewer
(10 and 40 instead of 100 and 400); F's learning rate is 0.01 instead of 0.001. The pixels' bound,
which the authors state for MNIST images of mean 0.5 and deviation 0.5, is 0.15 · 0.5² in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaikit.backdoors.detection import Detection
from xaikit.backdoors.suspicion import suspicious_inputs
from xaikit.core.layers import Features, features_of, last_linear
from xaikit.core.passes import frozen
from xaikit.progress import Bar

THRESHOLD = 0.75
PIXELS, SPREAD, MASK, ENOUGH = 0.15 * 0.5**2, 1.0, 0.03, 0.9
"""The bounds: mean square change, mean deviation, share of the features, success."""
INSTEAD = "FeatureRE needs a linear head"


def _twice(channels: int, filters: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for entering in (channels, filters):
        layers += [nn.Conv2d(entering, filters, 3, padding=1), nn.InstanceNorm2d(filters)]
        layers.append(nn.LeakyReLU())
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Change images (N, C, H, W), H and W being multiples of 4."""

    def __init__(self, channels: int, filters: int = 8) -> None:
        super().__init__()
        self.down = nn.ModuleList([_twice(channels, filters), _twice(filters, 2 * filters)])
        self.middle = _twice(2 * filters, 4 * filters)
        self.wider = nn.ModuleList(
            [
                nn.ConvTranspose2d(4 * filters, 2 * filters, 2, stride=2),
                nn.ConvTranspose2d(2 * filters, filters, 2, stride=2),
            ]
        )
        self.up = nn.ModuleList([_twice(4 * filters, 2 * filters), _twice(2 * filters, filters)])
        self.last = nn.Conv2d(filters, channels, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the changed images."""
        kept, found = [], images
        for block in self.down:
            found = block(found)
            kept.append(found)
            found = functional.max_pool2d(found, 2)
        found = self.middle(found)
        for wider, block in zip(self.wider, self.up, strict=True):
            found = block(torch.cat([wider(found), kept.pop()], 1))
        changed: Tensor = images + self.last(found)
        return changed


@dataclass
class Sums:
    """What an epoch adds up."""

    cosine: float = 0.0
    success: float = 0.0
    pixels: float = 0.0
    spread: float = 0.0
    mask: float = 0.0

    def missed(self, most_masked: float) -> dict[str, float]:
        """Return by how much each bound is missed, relative to it."""
        return {
            "pixels": max(self.pixels / PIXELS - 1, 0),
            "spread": max(self.spread / SPREAD - 1, 0),
            "mask": max(self.mask / most_masked - 1, 0),
        }


def feature_re(
    model: nn.Module,
    inputs: Tensor | None = None,
    *,
    warm_up: int = 10,
    epochs: int = 40,
    batch: int = 60,
    learning_rate: float = 1e-2,
    threshold: float = THRESHOLD,
    seed: int = 0,
) -> Detection:
    """Search a change of the image and a mask of the features for every class.

    Parameters
    ----------
    model
        Maps images (N, C, H, W) to logits by a last linear layer; H and W are multiples of 4.
    inputs
        Clean images; by default test images of the model's data set.
    warm_up, epochs
        Epochs without and with the mask.
    batch
        Images in a step.
    learning_rate
        Of Adam, for the U-Net.
    threshold
        A class is flagged above this score, the negative of the paper's value.
    seed
        Decides the U-Nets' starts, the order of the images, and the other images.
    """
    images = suspicious_inputs(model, inputs, seed)
    with (
        frozen(model),
        features_of(model, None, INSTEAD) as features,
        torch.random.fork_rng(devices=[]),
    ):
        head = last_linear(model, images)
        assert head is not None
        with torch.no_grad():
            clean, scores = features(images)
        said = scores.argmax(1)
        values = []
        for wanted in Bar(range(scores.shape[1]), "FeatureRE"):
            torch.manual_seed(seed)
            own = clean[said == wanted].mean(0) if (said == wanted).any() else clean.mean(0)
            search = Search(
                features, head, images[said != wanted], clean, own, wanted, batch, learning_rate
            )
            values.append(search.best(warm_up, epochs))
    score = -torch.tensor(values)
    worst = int(score.argmax())
    flagged = bool(score[worst] > threshold)
    return Detection(
        flagged,
        worst if flagged else None,
        score,
        f"Class {worst} has the smallest value, {-score[worst]:.2f}; flagged is what is below "
        f"{-threshold:.2f}.",
    )


class Search:
    """The search for one class."""

    def __init__(
        self,
        features: Features,
        head: nn.Module,
        images: Tensor,
        clean: Tensor,
        own: Tensor,
        wanted: int,
        batch: int,
        learning_rate: float,
    ) -> None:
        self.features, self.head = features, head
        self.images, self.clean, self.own = images, clean, own
        self.wanted, self.batch = wanted, batch
        self.change = UNet(images.shape[1])
        self.free = torch.ones(clean.shape[1], requires_grad=True)
        betas = (0.5, 0.9)
        self.by_change = torch.optim.Adam(self.change.parameters(), learning_rate, betas)
        self.by_mask = torch.optim.Adam([self.free], 0.1, betas)
        self.most_masked = MASK * clean.shape[1]

    @property
    def mask(self) -> Tensor:
        """(F,) in [0, 1]."""
        return self.free.tanh() / 2 + 0.5

    def best(self, warm_up: int, epochs: int) -> float:
        """Return the smallest value of all epochs."""
        for _ in range(warm_up):
            for rows in self.parts():
                self.warm(rows)
        least = torch.inf
        weights = {"pixels": 1.0, "spread": 1.0, "success": 1.0}
        for _ in range(epochs):
            sums, parts = Sums(), list(self.parts())
            for rows in parts:
                self.step(rows, weights, sums)
            for name in vars(sums):
                setattr(sums, name, getattr(sums, name) / len(parts))
            missed = sums.missed(self.most_masked)
            least = min(least, sums.cosine - sums.success + sum(missed.values()))
            weights = {
                "pixels": missed["pixels"],
                "spread": missed["spread"],
                "success": max(1 - sums.success / ENOUGH, 0),
            }
        return least

    def parts(self) -> Iterator[Tensor]:
        """Yield an epoch's images."""
        order = torch.randperm(len(self.images))
        for rows in order.split(self.batch):
            yield self.images[rows]

    def loss(self, scores: Tensor) -> Tensor:
        """Return the cross-entropy of the class."""
        return functional.cross_entropy(scores, torch.full((len(scores),), self.wanted))

    def warm(self, rows: Tensor) -> None:
        """Send images to the class, without a mask."""
        self.by_change.zero_grad()
        changed = self.change(rows)
        pixels = (changed - rows).square().mean()
        loss = self.loss(self.features(changed)[1])
        if pixels > PIXELS:
            # As in [0, 4]: the authors' images have a deviation of 0.5.
            loss = loss + 100 * pixels / 0.5**2
        loss.backward()  # type: ignore[no-untyped-call]
        self.by_change.step()

    def mixed(self, found: Tensor, mask: Tensor) -> Tensor:
        """Return the head's scores of the masked features beside those of other images."""
        others = self.clean[torch.randint(len(self.clean), (len(found),))]
        scores: Tensor = self.head(mask * found + (1 - mask) * others)
        return scores

    def step(self, rows: Tensor, weights: dict[str, float], sums: Sums) -> None:
        """Lower the change's loss, then the mask's."""
        self.by_change.zero_grad()
        mask = self.mask.detach()
        changed = self.change(rows)
        found, _ = self.features(changed)
        scores = self.mixed(found, mask)
        pixels = (changed - rows).square().mean()
        spread = (found * mask).std(0).sum() / mask.sum()
        cosine = torch.cosine_similarity(self.own, found.mean(0), dim=0)
        success = float((scores.argmax(1) == self.wanted).float().mean())
        loss = 5 * cosine.clamp_min(0)
        if spread > SPREAD:
            loss = loss + 10 * (1 + weights["spread"]) * spread
        if pixels > PIXELS:
            loss = loss + 10 * (1 + weights["pixels"]) * pixels / 0.5**2
        if success < ENOUGH:
            loss = loss + (1 + weights["success"]) * self.loss(scores)
        loss.backward()  # type: ignore[no-untyped-call]
        self.by_change.step()
        with torch.no_grad():
            found, _ = self.features(self.change(rows))
        self.by_mask.zero_grad()
        mask = self.mask
        lower = self.loss(self.mixed(found, mask))
        if mask.sum() > self.most_masked:
            lower = lower + mask.sum()
        lower.backward()  # type: ignore[no-untyped-call]
        self.by_mask.step()
        sums.cosine += float(cosine.detach())
        sums.success += success
        sums.pixels += float(pixels.detach())
        sums.spread += float(spread.detach())
        sums.mask += float(mask.detach().sum())
