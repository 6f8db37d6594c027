# %% answer="grad-cam" kind="alternative"
# answer: grad-cam
def grad_cam(features, head, image, target):
    maps = features(image.unsqueeze(0))
    maps.retain_grad()
    head(maps)[0, target].backward()
    weights = maps.grad[0].mean(dim=(1, 2))
    return torch.relu(torch.einsum("k,khw->hw", weights, maps[0])).detach().numpy()


# %% answer="grad-cam" kind="wrong"
# answer: grad-cam
def grad_cam(features, head, image, target):
    # gradient × activation place by place, without averaging the gradients over the map
    activations = features(image[None]).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(head(activations)[0, target], activations)
    return (slopes * activations).sum(1).relu()[0].detach()
