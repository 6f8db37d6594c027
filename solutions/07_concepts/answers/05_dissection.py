# %% answer="unit-iou" kind="alternative"
# answer: unit-iou
def unit_iou(maps, masks, share):
    threshold = torch.quantile(maps.flatten(), 1 - share)
    both = either = 0
    for one, mask in zip(maps, masks, strict=True):
        large = functional.interpolate(
            one[None, None], mask.shape, mode="bilinear", align_corners=False
        )[0, 0]
        on = (large > threshold).numpy()
        both += np.logical_and(on, mask.numpy()).sum()
        either += np.logical_or(on, mask.numpy()).sum()
    return both / either


# %% answer="unit-iou" kind="wrong"
# answer: unit-iou
def unit_iou(maps, masks, share):
    # the threshold of the enlarged maps, and the mean of the images' own IoUs
    large = functional.interpolate(
        maps[:, None], masks.shape[1:], mode="bilinear", align_corners=False
    )[:, 0]
    on = large > torch.quantile(large.flatten(), 1 - share)
    each = (on & masks).sum((1, 2)) / (on | masks).sum((1, 2)).clamp(min=1)
    return each.mean().item()


# %% answer="chance" kind="alternative"
# answer: chance
def chance_of(active, masks, orders):
    on = np.asarray(active).reshape(len(active), -1)
    shown = np.asarray(masks).reshape(len(masks), -1)
    every = np.vstack([np.arange(len(on)), np.asarray(orders)])
    found = np.array([(on & shown[o]).sum() / (on | shown[o]).sum() for o in every])
    return found[1:].mean(), (found >= found[0]).mean()


# %% answer="chance" kind="wrong"
# answer: chance
def chance_of(active, masks, orders):
    # permutations that are as good do not count, and neither does the true assignment
    def overlap(m):
        return ((active & m).sum() / (active | m).sum()).item()

    found = [overlap(masks[o]) for o in orders]
    return np.mean(found), np.mean([each > overlap(masks) for each in found])
