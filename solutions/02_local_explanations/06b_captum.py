# %% [markdown] minutes=45
# ## Section: The same methods in captum
#
# **You learn** to use captum by its own interface, and which of its defaults change a map. **Time:** {{ time }}.
#
# You know now what the methods compute. Outside this course you will call them from libraries, and most
# people who work with PyTorch call [captum](https://captum.ai) ([Kokhlikyan et al.
# 2020](https://arxiv.org/abs/2009.07896)). A method is a class there: its constructor takes the model,
# and `.attribute(inputs, target=…)` takes a *batch* of inputs and one target for each. Layer methods
# take the layer as well, and a `NoiseTunnel` takes another method.
#
# ```python
# IntegratedGradients(model).attribute(images, baselines=black, target=targets, n_steps=50)
# LayerGradCam(model, layer).attribute(images, target=targets)
# ```
#
# A default is a choice that you have not made yourself. In captum 0.9 `Saliency` returns *absolute*
# values; `LayerGradCam` does not cut at zero, and returns maps of the layer's size, which
# `LayerAttribution.interpolate` enlarges, by default to the nearest neighbour; `Occlusion` needs
# `sliding_window_shapes` for *all* dimensions of an input, channels first, and moves one step at a time
# unless `strides` says otherwise; `NoiseTunnel` draws 5 samples and takes `stdevs` in the input's own
# units, 1 by default. Look at the documentation of what you call: `help(NoiseTunnel.attribute)`.
#
# The cell below imports the libraries. For the tasks of this section{{ if section.shap_and_lime }} and the next{{ end }} it runs when the
# hidden checks call your functions, too: captum, shap and lime are there for these, and only for these.

# %% nbgrader={"grade_id": "given-libraries"}
# Given: the libraries.
import warnings

import lime.lime_image
import shap
from captum.attr import (
    DeepLift,
    GuidedBackprop,
    InputXGradient,
    IntegratedGradients,
    LayerAttribution,
    LayerGradCam,
    NoiseTunnel,
    Occlusion,
    Saliency,
)
from lime.lime_image import LimeImageExplainer

# Captum and shap warn with each call that they ask for gradients or set hooks.
warnings.filterwarnings("ignore", module="captum|shap")
lime.lime_image.tqdm = iter  # no progress bar: lime has no option to leave it out

# %% [markdown]
# ### Task: three maps by captum
#
# Write `captum_maps(model, images, targets, baseline, steps, layer, window)` for images (N, C, H, W) and
# a target for each, (N,). It returns a dictionary of three maps:
#
# - `"path"`: Integrated Gradients from the `baseline` (C, H, W) with `steps` steps, by captum's own rule
#   of integration, (N, C, H, W);
# - `"cam"`: Grad-CAM{{ if task.grad-cam }} as in task {{ task.grad-cam }}{{ end }}, without what is negative, of the module
#   `model[layer]`, enlarged to the images' size by *bilinear* interpolation, (N, 1, H, W);
# - `"windows"`: occlusion, (N, C, H, W). Windows of `window` × `window` pixels over all channels lie side
#   by side, and a hidden one shows the `baseline`.


# %% nbgrader={"grade_id": "captum-maps", "solution": true}
# answer: captum-maps
def captum_maps(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    baseline: Tensor,
    steps: int,
    layer: int,
    window: int,
) -> dict[str, Tensor]:
    """Return captum's maps of the targets by name: path, cam and windows."""
    ### BEGIN SOLUTION
    path = IntegratedGradients(model).attribute(
        images, baselines=baseline[None], target=targets, n_steps=steps
    )
    coarse = LayerGradCam(model, model[layer]).attribute(
        images, target=targets, relu_attributions=True
    )
    cam = LayerAttribution.interpolate(coarse, images.shape[2:], interpolate_mode="bilinear")
    shape = (images.shape[1], window, window)
    windows = Occlusion(model).attribute(
        images,
        sliding_window_shapes=shape,
        strides=shape,
        baselines=baseline[None],
        target=targets,
    )
    return {"path": path, "cam": cam, "windows": windows}
    ### END SOLUTION


# %% nbgrader={"grade_id": "captum-maps-test", "grade": true, "points": 3}
last = max(i for i, layer in enumerate(model) if isinstance(layer, nn.Conv2d))
grey = torch.full_like(examples[0], 0.5)
found = captum_maps(model, examples, targets[:, 1], grey, 16, last, 4)
checks.expect(
    isinstance(found, dict) and sorted(found) == ["cam", "path", "windows"],
    "`captum_maps` should return a dictionary with the keys path, cam and windows.",
)
same_as = {
    "path": ("integrated_gradients", {"steps": 16, "baseline": 0.5}),
    "cam": ("grad_cam", {}),
    "windows": ("occlusion", {"window": 4, "stride": 4, "baseline": 0.5}),
}
advice = {
    "path": "does the path begin at the baseline, and has it that many steps?",
    "cam": "is it that layer's map, without negative values, enlarged by bilinear interpolation?",
    "windows": "one window covers all channels, the next begins where it ends, and the baseline fills it.",
}
figure, axes = plt.subplots(1, 4, figsize=(11, 2.7), layout="constrained")
axes[0].imshow(examples[1, 0].cpu(), cmap="gray", vmin=0, vmax=1)
axes[0].set_title(classes[int(targets[1, 1])], fontsize=9)
axes[0].axis("off")
for axis, (name, (method, chosen)) in zip(axes[1:], same_as.items(), strict=True):
    ours = explain(model, examples, targets[:, 1], method, **chosen).attributions[:, 0].cpu()
    checks.close(
        found[name],
        ours,
        f"captum_maps(…)[{name!r}]",
        f"on our network it differs from `explain(…, {method!r})`: {advice[name]}",
        1e-3,
    )
    largest = float(abs(checks.numbers(found[name], ours.shape, name) - ours.numpy()).max())
    print(f"{name}: captum and xaikit differ by {largest:.0e} at most, by rounding")
    show_map(axis, torch.as_tensor(found[name])[1], f"captum: {name}")
figure.suptitle(f"For “{classes[int(targets[1, 1])]}”: red speaks for it; grey is the reference")
plt.show()
checks.passed("captum-maps", "three maps of our network")

# %% [markdown]
# ### Task: SmoothGrad by captum
#
# Write `captum_smoothgrad(model, image, target, noise, samples)` for one image without a batch
# dimension: SmoothGrad{{ if section.gradients }} as in section {{ section.gradients }}{{ end }}, *signed*, by a `NoiseTunnel` around
# `Saliency`, with that many `samples`. The noise's standard deviation is the share `noise` of the
# image's range, its largest value minus its smallest one.
#
# The noise is drawn inside the library, so that two calls differ. The checks take networks for which the
# *expected* map is known, and many samples.


# %% nbgrader={"grade_id": "captum-smoothgrad", "solution": true}
# answer: captum-smoothgrad
def captum_smoothgrad(
    model: nn.Module, image: Tensor, target: int, noise: float, samples: int
) -> Tensor:
    """Return the mean gradient over noisy copies, with sign, in the image's shape."""
    ### BEGIN SOLUTION
    spread = noise * float(image.max() - image.min())
    tunnel = NoiseTunnel(Saliency(model))
    found = tunnel.attribute(
        image[None],
        nt_type="smoothgrad",
        nt_samples=samples,
        stdevs=spread,
        target=target,
        abs=False,
    )
    return found[0]
    ### END SOLUTION


# %% nbgrader={"grade_id": "captum-smoothgrad-test", "grade": true, "points": 2}
bends = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1, bias=False))
with torch.no_grad():  # −max(0, x₁ − 5) + 2 max(0, x₂)
    bends[0].weight.copy_(torch.eye(2))
    bends[0].bias.copy_(torch.tensor([-5.0, 0.0]))
    bends[2].weight.copy_(torch.tensor([[-1.0, 2.0]]))
checks.close(
    captum_smoothgrad(bends, torch.tensor([3.0, 7.0]), 0, 0.5, 5000),
    [-0.1587, 2.0],
    "captum_smoothgrad(bends, (3, 7), 0, 0.5, …)",
    "the range is 4, so the noise has a standard deviation of 2. Then x₁ lies above 5 in 16 % of the "
    "copies, where the slope is −1, and x₂ nearly always above 0, where it is 2.",
    0.03,
)
smooth = captum_smoothgrad(model, examples[0], predicted, 0.15, 50)
smooth = checks.numbers(smooth, (1, 28, 28), "captum_smoothgrad(model, …)")
figure, axes = plt.subplots(1, 2, figsize=(6, 2.7), layout="constrained")
show_map(axes[0], torch.as_tensor(smooth), "captum's NoiseTunnel")
ours = explain(model, examples[:1], predicted, "smoothgrad", samples=50).attributions[0, 0]
show_map(axes[1], ours, "explain(…, 'smoothgrad')")
figure.suptitle(f"SmoothGrad for “{classes[predicted]}”, 50 samples")
plt.show()
print(f"They differ by {abs(smooth - ours.cpu().numpy()).max():.2f} at most: other random draws")
checks.passed("captum-smoothgrad", "a network with two bends")
