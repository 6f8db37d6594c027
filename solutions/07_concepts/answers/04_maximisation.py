# %% answer="ascent-step" kind="alternative"
# answer: ascent-step
def ascent_step(network, image, target, rate, radius):
    x = torch.tensor(image.tolist(), dtype=image.dtype, requires_grad=True)
    network(x.unsqueeze(0))[:, target].sum().backward()
    direction = functional.normalize(x.grad.flatten(), dim=0).view_as(image)
    moved = (image + rate * direction).numpy()
    size = math.sqrt((moved**2).sum())
    return moved if size <= radius else radius * moved / size


# %% answer="ascent-step" kind="wrong"
# answer: ascent-step
def ascent_step(network, image, target, rate, radius):
    # each pixel is cut at the radius, instead of the whole image
    start = image.clone().requires_grad_()
    slope = torch.autograd.grad(network(start[None])[0, target], start)[0]
    return (image + rate * slope / slope.norm().clamp(min=1e-12)).clamp(-radius, radius)


# %% answer="total-variation" kind="alternative"
# answer: total-variation
def total_variation(images):
    x = np.asarray(images, dtype=float)
    total, slopes = np.zeros(len(x)), np.zeros(x.shape)
    for axis in (2, 3):
        step = np.diff(x, axis=axis)
        total += np.abs(step).sum(axis=(1, 2, 3))
        padding = [(0, 0)] * 4
        padding[axis] = (1, 1)
        slopes -= np.diff(np.pad(np.sign(step), padding), axis=axis)
    return total, slopes


# %% answer="total-variation" kind="wrong"
# answer: total-variation
def total_variation(images):
    # squares instead of absolute values
    down, across = images[:, :, 1:] - images[:, :, :-1], images[..., 1:] - images[..., :-1]
    slopes = torch.zeros_like(images)
    slopes[:, :, 1:] += 2 * down
    slopes[:, :, :-1] -= 2 * down
    slopes[..., 1:] += 2 * across
    slopes[..., :-1] -= 2 * across
    return (down**2).sum((1, 2, 3)) + (across**2).sum((1, 2, 3)), slopes
