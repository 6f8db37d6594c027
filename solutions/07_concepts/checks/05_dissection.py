"""Checks: maps enlarged and cut pixel by pixel, and masks of other images counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, expect_array, expect_close, task

from ...shared.checks import GIVEN, Arguments, Array, drawn, tensor


def enlarged(values: Array, height: int, width: int) -> Array:
    """Return a map, enlarged: pixel centres lie where they lie, and the border's values go on."""

    def weights(large: int, small: int) -> Array:
        found = np.zeros((large, small))
        for k in range(large):
            place = min(max((k + 0.5) * small / large - 0.5, 0.0), small - 1.0)
            low = int(place)
            found[k, low] += 1 - (place - low)
            found[k, min(low + 1, small - 1)] += place - low
        return found

    return weights(height, values.shape[0]) @ values @ weights(width, values.shape[1]).T


def overlaps(active: Array, masks: Array) -> float:
    """Return the IoU over all images together."""
    both = sum(int(a and m) for a, m in zip(active.ravel(), masks.ravel(), strict=True))
    either = sum(int(a or m) for a, m in zip(active.ravel(), masks.ravel(), strict=True))
    return both / either


def dissected_by_hand(maps: Array, masks: Array, share: float) -> float:
    """Return the IoU for the lowest threshold that is right."""
    cut = np.sort(maps.ravel())[::-1][round(share * maps.size)]
    large = np.stack([enlarged(each, *masks.shape[1:]) for each in maps])
    return overlaps(large > cut, masks)


def _rounds_alike(maps: Array, large: Array, cut: float) -> bool:
    """Say whether what equals the threshold does so in torch's single and double precision, too."""
    for precise in (torch.float32, torch.float64):
        found = torch.nn.functional.interpolate(
            torch.from_numpy(maps).to(precise)[:, None],
            large.shape[1:],
            mode="bilinear",
            align_corners=False,
        )
        if not np.array_equal((found[:, 0] > cut).numpy(), large > cut):
            return False
    return np.array_equal(large > cut + 1e-9, large > cut)


def units_on_images(rng: np.random.Generator) -> Arguments:
    """Return maps and masks for which each step of the text matters, and no choice of the threshold."""
    cases: Arguments = []
    for (n, h, w), (height, width), share in (
        ((5, 4, 4), (12, 8), 0.1),
        ((6, 5, 3), (10, 9), 0.2),
        ((4, 6, 6), (6, 6), 0.125),
    ):

        def draw(n: int = n, h: int = h, w: int = w, to: Any = (height, width)) -> tuple[Any, ...]:
            maps = rng.normal(size=(n, h, w)) * rng.uniform(0.5, 2, size=(n, 1, 1))
            large = np.stack([enlarged(each, *to) for each in maps])
            masks = large + rng.normal(scale=0.6, size=large.shape) > 1.0
            masks[0] = False  # the unit is on in images without the concept, too
            return maps.astype(np.float32).astype(float), masks

        def shows(case: tuple[Any, ...], share: float = share, shape: Any = (h, w)) -> bool:
            maps, masks = case
            right = dissected_by_hand(maps, masks, share)
            size = masks.shape[1:]
            large = np.stack([enlarged(each, *size) for each in maps])
            number = round(share * maps.size)
            top, cut = np.sort(maps.ravel())[::-1][number - 1 : number + 1]
            # No pixel lies between the lowest threshold that is right and the highest.
            between = (large > cut + 1e-9) & (large < top - 1e-9)
            if not 0.1 < right < 0.8 or between.any() or not _rounds_alike(maps, large, cut):
                return False
            own = [np.quantile(each, 1 - share) for each in maps]
            rivals = [
                np.mean(
                    [overlaps(a > cut, m) for a, m in zip(large, masks, strict=True) if m.any()]
                ),
                overlaps((large > cut)[masks.any((1, 2))], masks[masks.any((1, 2))]),
                overlaps(np.stack([a > t for a, t in zip(large, own, strict=True)]), masks),
                overlaps(abs(large) > np.quantile(abs(maps), 1 - share), masks),
                (large > cut)[masks].mean(),
                masks[large > cut].mean(),
                dissected_by_hand(maps, masks, 2 * share),
            ]
            if shape != size:
                rows = np.minimum(np.arange(size[0]) * shape[0] // size[0], shape[0] - 1)
                columns = np.minimum(np.arange(size[1]) * shape[1] // size[1], shape[1] - 1)
                rivals.append(overlaps(maps[:, rows][:, :, columns] > cut, masks))
                rivals.append(overlaps(large > np.quantile(large, 1 - share), masks))
                stretched = torch.nn.functional.interpolate(
                    torch.from_numpy(maps)[:, None], size, mode="bilinear", align_corners=True
                )
                rivals.append(overlaps(stretched[:, 0].numpy() > cut, masks))
            # No pixel is so near to the threshold that rounding decides.
            near = (large > cut - 1e-4) & (large <= cut) & ~np.isclose(large, cut, atol=1e-12)
            return (
                top - cut > 1e-3
                and not near.any()
                and all(abs(each - right) > 0.01 for each in rivals)
            )

        maps, masks = drawn(draw, shows)
        cases.append((tensor(maps), torch.from_numpy(masks), share))
    return cases


@task("unit-iou", Call("unit_iou", units_on_images, GIVEN), read="section {{ section }}")
def unit_iou(calls: list[Called]) -> None:
    """Count pixel by pixel."""
    for call in calls:
        maps, masks, share = call.arguments
        expect_close(
            call.returned,
            dissected_by_hand(maps.double().numpy(), masks.numpy(), share),
            "unit_iou(…)",
            "One threshold for all images, from the small maps, which the given share of their activations exceeds; then enlarge and "
            "cut; then count both numbers of pixels over all images together.",
            rtol=1e-3,
        )


def permuted(active: Array, masks: Array, orders: list[list[int]]) -> tuple[float, float]:
    """Return the mean IoU with other images' masks, and the p-value."""
    right = overlaps(active, masks)
    found = [overlaps(active, np.stack([masks[n] for n in order])) for order in orders]
    return sum(found) / len(found), (1 + sum(each >= right for each in found)) / (1 + len(found))


def masks_to_permute(rng: np.random.Generator) -> Arguments:
    """Return units with permutations that do worse, better, and exactly as well; one comes twice."""
    cases: Arguments = []
    for n, p in ((5, 7), (6, 9)):

        def draw(n: int = n, p: int = p) -> tuple[Any, ...]:
            active = rng.random((n, 3, 4)) < rng.uniform(0.2, 0.6, size=(n, 1, 1))
            masks = active ^ (rng.random(active.shape) < 0.35)
            orders = np.stack([rng.permutation(n) for _ in range(p)])
            orders[-1] = orders[0]
            orders[int(rng.integers(1, p - 1))] = np.arange(n)  # as good as itself
            return active, masks, orders

        def shows(case: tuple[Any, ...]) -> bool:
            active, masks, orders = case
            right = overlaps(active, masks)
            found = np.array([overlaps(active, masks[order]) for order in orders])
            # A permutation and its inverse are not the same thing.
            back = np.array([overlaps(active, masks[np.argsort(order)]) for order in orders])
            return bool(
                (found > right).any()
                and (found < right).sum() > 1
                and abs(found.mean() - back.mean()) > 0.01
                and abs(found.mean() - np.median(found)) > 0.005
                and abs(found.mean() - found[1:].mean()) > 0.005
                and np.abs(found - right)[found != right].min() > 1e-3
            )

        active, masks, orders = drawn(draw, shows)
        cases.append(tuple(torch.from_numpy(each) for each in (active, masks, orders)))
    return cases


@task("chance", Call("chance_of", masks_to_permute, GIVEN), read="section {{ section }}")
def chance(calls: list[Called]) -> None:
    """Half for each number."""
    for place, (name, hint) in enumerate(
        (
            (
                "the mean IoU of the permutations",
                "Image n is compared with the mask of image orders[k, n].",
            ),
            (
                "the p-value",
                "Count the permutations whose IoU is at least that of the true assignment; the true one counts above and below.",
            ),
        )
    ):
        for call in calls:
            active, masks, orders = (each.numpy() for each in call.arguments)
            wanted = permuted(active, masks, orders.tolist())[place]
            got = expect_array(call.returned, (2,), "chance_of(…)")[[place]]
            expect_close(got, [wanted], name, hint, rtol=1e-3, fraction=place / 2)
