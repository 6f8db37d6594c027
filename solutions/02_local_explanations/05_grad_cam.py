# %% [markdown] minutes=30 core=true
# ## Section: Grad-CAM
#
# **You learn** to read the last feature maps, and what is lost by reading only those. **Time:** {{ time }}.
#
# The last convolution of a network responds to whole parts of objects, and its maps of activations still
# show at which place. [Selvaraju et al. 2017](https://arxiv.org/abs/1610.02391) weigh each map $A^k$ of the
# last convolution, of $h \times w$ places $(u, v)$, by the mean gradient of the logit with respect to it,
# and keep what speaks for the class:
#
# $$\alpha_k = \frac{1}{hw} \sum_{u,v} \frac{\partial f_c}{\partial A^k_{uv}}, \qquad
# \phi = \max\Bigl(0, \sum_k \alpha_k A^k\Bigr)$$
#
# The result is as coarse as the layer and is enlarged to the size of the image. One forward pass,
# and a backward pass only as far as that layer. There is no red and blue: after the ReLU nothing is
# negative, and a class with no evidence at all gets an empty map. Where a network ends by averaging
# its maps and one linear layer, the weights are that layer's up to a factor: Grad-CAM generalises
# the older class activation mapping (CAM, [Zhou et al. 2016](https://arxiv.org/abs/1512.04150)).
# Ours is such a network, but for a ReLU in between.
#
# ### Task: Grad-CAM by hand
#
# The network comes in two parts: `features` maps a batch of images to activations (N, K, h, w),
# `head` maps these to logits. Write `grad_cam(features, head, image, target)`, which returns the
# coarse map of shape (h, w).


# %% nbgrader={"grade_id": "grad-cam", "solution": true}
# answer: grad-cam
def grad_cam(features: nn.Module, head: nn.Module, image: Tensor, target: int) -> Tensor:
    """Return Grad-CAM's map at the resolution of the activations, shape (h, w), not enlarged."""
    ### BEGIN SOLUTION
    activations = features(image[None]).requires_grad_()
    (slopes,) = torch.autograd.grad(head(activations)[0, target], activations)
    weights = slopes.mean((2, 3), keepdim=True)
    return (weights * activations).sum(1).relu()[0]
    ### END SOLUTION


# %% nbgrader={"grade_id": "grad-cam-test", "grade": true, "points": 3}
class Mean(nn.Module):
    """Two logits: the mean of the first map, and the mean of the second minus that of the first."""

    def forward(self, maps: Tensor) -> Tensor:
        """Map activations (N, 2, h, w) to logits (N, 2)."""
        one, two = maps.mean((2, 3)).unbind(1)
        return torch.stack([one, two - one], 1)


copying = nn.Conv2d(2, 2, 1, bias=False)  # the activations are the image
with torch.no_grad():
    copying.weight.copy_(torch.eye(2).view(2, 2, 1, 1))
two_maps = torch.tensor([[[2.0, 0.0], [1.0, 1.0]], [[1.0, 3.0], [0.0, 2.0]]])
checks.close(
    grad_cam(copying, Mean(), two_maps, 1),
    [[0, 0.75], [0, 0.25]],
    "grad_cam(…)",
    "here the weights are −¼ and ¼, so the map is ¼ of the second minus the first, without what is "
    "negative. The weight of a map is the mean of its gradients over all places.",
)
last = max(i for i, layer in enumerate(model) if isinstance(layer, nn.Conv2d))
features, head = nn.Sequential(*model[: last + 1]), nn.Sequential(*model[last + 1 :])
coarse = checks.numbers(
    grad_cam(features, head, examples[0], predicted), (None, None), "grad_cam(features, head, …)"
)
enlarged = nn.functional.interpolate(
    torch.as_tensor(coarse)[None, None], (28, 28), mode="bilinear", align_corners=False
)
checks.close(
    enlarged[0],
    explain(model, examples[:1], predicted, "grad_cam").attributions[0, 0].cpu(),
    "grad_cam(features, head, …), enlarged,",
    "on our network it differs from `explain`. Are weights and maps those of this image and target?",
)
checks.passed("grad-cam", "two maps by hand and our network")

# %% tags=["figure"]
heats = explain(model, examples, targets[:, [1, 3]], "grad_cam").attributions.cpu()
figure, axes = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
for column, axis in enumerate(axes):
    example, role = divmod(column, 2)
    axis.imshow(examples[example, 0].cpu(), cmap="gray", vmin=0, vmax=1)
    heat = axis.imshow(
        heats[example, role, 0], cmap="inferno", alpha=0.65, vmin=0, vmax=heats.max()
    )
    name = classes[int(targets[example, (1, 3)[role]])]
    axis.set_title(f"{(roles[1], roles[3])[role]}: {name}", fontsize=9)
    axis.axis("off")
figure.colorbar(heat, ax=axes, shrink=0.8)
figure.suptitle("Grad-CAM, one scale for all: bright is evidence for the class")
plt.show()
