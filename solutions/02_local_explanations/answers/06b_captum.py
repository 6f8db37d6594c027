# %% answer="captum-maps" kind="alternative"
# answer: captum-maps
def captum_maps(model, images, targets, baseline, steps, layer, window):
    behind = baseline.expand_as(images)
    path, _ = IntegratedGradients(model).attribute(
        images, behind, targets, n_steps=steps, return_convergence_delta=True
    )
    cam = LayerGradCam(model, model[layer]).attribute(images, targets).relu()
    cam = nn.functional.interpolate(cam, images.shape[-2:], mode="bilinear")
    channels = images.shape[1]
    windows = Occlusion(model).attribute(
        images, (channels, window, window), (channels, window, window), behind, targets
    )
    return dict(path=path.detach(), cam=cam.detach(), windows=windows)


# %% answer="captum-maps" kind="wrong"
# answer: captum-maps
def captum_maps(model, images, targets, baseline, steps, layer, window):
    # captum's defaults: nothing cut, the nearest neighbour, windows that overlap
    path = IntegratedGradients(model).attribute(images, target=targets, n_steps=steps)
    cam = LayerGradCam(model, model[layer]).attribute(images, targets)
    cam = LayerAttribution.interpolate(cam, images.shape[2:])
    windows = Occlusion(model).attribute(images, (images.shape[1], window, window), target=targets)
    return {"path": path, "cam": cam, "windows": windows}


# %% answer="captum-smoothgrad" kind="alternative"
# answer: captum-smoothgrad
def captum_smoothgrad(model, image, target, noise, samples):
    spread = noise * (image.max() - image.min()).item()
    tunnel = NoiseTunnel(Saliency(lambda batch: model(batch)[:, target]))
    return tunnel.attribute(
        image.unsqueeze(0), nt_samples=samples, nt_samples_batch_size=500, stdevs=spread, abs=False
    ).squeeze(0)


# %% answer="captum-smoothgrad" kind="wrong"
# answer: captum-smoothgrad
def captum_smoothgrad(model, image, target, noise, samples):
    # the magnitudes, which are captum's default
    spread = noise * float(image.max() - image.min())
    tunnel = NoiseTunnel(Saliency(model))
    return tunnel.attribute(image[None], nt_samples=samples, stdevs=spread, target=target)[0]
