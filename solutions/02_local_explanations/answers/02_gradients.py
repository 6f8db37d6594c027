# %% answer="gradient" kind="alternative"
# answer: gradient
def gradient_maps(model, image, target):
    batch = image.unsqueeze(0).clone()
    batch.requires_grad = True
    model(batch)[:, target].sum().backward()
    slope = batch.grad.squeeze(0)
    return torch.stack([slope, slope * image])


# %% answer="gradient" kind="wrong"
# answer: gradient
def gradient_maps(model, image, target):
    image = image.detach().clone().requires_grad_()
    probability = model(image[None]).softmax(1)[0, target]
    (slope,) = torch.autograd.grad(probability, image)
    return slope, slope * image


# %% answer="smoothgrad" kind="alternative"
# answer: smoothgrad
def smoothgrad(model, image, target, noise):
    total = torch.zeros_like(image)
    for each in noise:
        copy = (image + each).requires_grad_()
        total += torch.autograd.grad(model(copy[None])[0, target], copy)[0]
    return total / len(noise)


# %% answer="smoothgrad" kind="wrong"
# answer: smoothgrad
def smoothgrad(model, image, target, noise):
    copies = (image + noise).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(model(copies)[:, target].sum(), copies)
    return slopes.abs().mean(0)


# %% answer="guided-backprop" kind="alternative"
# answer: guided-backprop
def guided_backprop(network, x, target):
    class Guided(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z.clamp(min=0)

        @staticmethod
        def backward(ctx, signal):
            (z,) = ctx.saved_tensors
            return torch.where((z > 0) & (signal > 0), signal, torch.zeros_like(signal))

    point = x.detach().clone().requires_grad_()
    value = point
    for layer in network:
        value = Guided.apply(value) if isinstance(layer, nn.ReLU) else layer(value)
    value[target].backward()
    return point.grad


# %% answer="guided-backprop" kind="wrong"
# answer: guided-backprop
def guided_backprop(network, x, target):
    # the deconvnet: without the mask of the forward pass
    with torch.no_grad():
        signal = torch.zeros(network[-1].out_features)
        signal[target] = 1.0
        for layer in reversed(network):
            if isinstance(layer, nn.ReLU):
                signal = signal.clamp(min=0)
            else:
                signal = signal @ layer.weight
        return signal
