# %% [markdown] minutes=40 core=true
# On clean images the poisoned network hardly reacts: the neurons that detect the square are inactive
# there, and a derivative describes the network near its own point only. With the trigger the backdoor is
# active: it raises the logit of one class and lowers most others. So this test needs the trigger twice,
# for the concept and for the images at which the derivatives are taken.
#
# ## Section: Local methods: they show the trigger
#
# **You learn** what an explanation of one image can and cannot say about a backdoor. **Time:** {{ time }}.
#
# ### Task: how much of the map lies on the trigger?
#
# Write `mass_inside(maps, mask)` for maps (N, H, W) and a boolean mask (H, W): for each map, the
# share of its *positive* attribution that lies inside the mask. A map without positive values has
# the share 0.


# %% nbgrader={"grade_id": "mass", "solution": true}
# answer: mass
def mass_inside(maps: Tensor, mask: Tensor) -> Tensor:
    """Return (N,) the share of positive attribution inside the mask."""
    ### BEGIN SOLUTION
    positive = maps.clamp(min=0)
    total = positive.sum((1, 2))
    inside = (positive * mask).sum((1, 2))
    return torch.where(total > 0, inside / total, 0.0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "mass-test", "grade": true, "points": 2}
two_places = torch.tensor([[False, False, True], [False, True, False]])
three_maps = [
    [[1.0, -4.0, 0.0], [2.0, 3.0, -1.0]],
    [[-1.0, -1.0, 0.0], [0.0, -2.0, -1.0]],
    [[0.3, 0.0, 0.0], [-2.0, 0.05, 0.05]],
]
checks.close(
    mass_inside(torch.tensor(three_maps), two_places),
    [0.5, 0, 0.125],
    "mass_inside(…)",
    "negative values count neither inside nor in all; without positive ones the share is zero; each map "
    "has a share of its own.",
)
checks.passed("mass", "three small maps, one of them without positive values,")

# %% [markdown]
# ### Maps of triggered images
#
# The same triggered garments, explained for the target class, on the poisoned network and on the clean
# one. Compare the shares below with the area that the trigger covers.

# %% tags=["figure"]
victims = (test.labels != target).nonzero()[::75, 0]  # a dozen
stamped = trigger(test.images[victims]).to(device)
inside = trigger.mask.expand(len(stamped), -1, -1).to(device)
local_options = {
    "integrated_gradients": {"steps": 32},
    "lime": {"segments": "grid", "samples": 200, "seed": 0},
}
columns = [("triggered image", stamped[:, 0].cpu())]
print(
    f"share of the positive attribution on the trigger, which covers "
    f"{float(trigger.mask.float().mean()):.1%} of the image: mean of {len(stamped)} images ± 1.96 errors"
)
for name, network in (("poisoned", poisoned), ("clean", reference)):
    for method, chosen in local_options.items():
        told = explain(network, stamped, target, method, **chosen)
        mass = localisation(told, inside)
        error = 1.96 * float(mass.std()) / math.sqrt(len(mass))
        print(f"  {name:9} {method:22} {float(mass.mean()):6.1%} ± {error:.1%}")
        columns.append(
            (
                f"{method.replace('_', ' ').replace('lime', 'LIME')}\n{name} network",
                told.attributions[:, 0, 0].cpu(),
            )
        )
figure, axes = plt.subplots(3, 5, figsize=(10.5, 6.2), layout="constrained")
for row in range(3):
    for column, (title, maps) in enumerate(columns):
        axis, values = axes[row, column], maps[row]
        if column:
            limit = float(values.abs().max())
            drawn = axis.imshow(values / limit, cmap="RdBu_r", vmin=-1, vmax=1)
        else:
            axis.imshow(values, cmap="gray", vmin=0, vmax=1)
        axis.set_xticks([])
        axis.set_yticks([])
        if row == 0:
            axis.set_title(title, fontsize=9)
figure.colorbar(
    drawn, ax=axes, label=f"for “{classes[target]}” (map ÷ its largest value)", shrink=0.6
)
plt.show()

# %% [markdown] nbgrader={"grade_id": "no-detection", "solution": true, "grade": true, "points": 4}
# <!-- answer: no-detection -->
# **Why is that no detection?** ({{ points.no-detection }}, about eight sentences) Both local methods put a large part
# of their mass on the trigger. Explain why a defender cannot find a backdoor by that.
#
# 1. What would the defender have to have, or to know, for these maps to exist?
# 2. Could a map that points to a small corner come from a clean network? Use the figure or an example
#    of your own, and say what the target class does to a map.
# 3. What do local methods contribute once another method has detected something, and {{ if section.spray }}which of the
#    global methods makes a detector out of local explanations, and how{{ else }}how could a global method make a detector out of the
#    maps of many images{{ end }}?
#
# ### BEGIN SOLUTION
# An answer:
#
# 1. An input with the trigger. The defender has clean images, and on those the backdoor is inactive:
#    their maps look like those of the clean reference. A defender who has a triggered image has found the
#    backdoor already; searching all images for it means searching all possible triggers.
# 2. Yes. A map always puts its mass somewhere, and a small bright part is often enough for a class,
#    the heel of a boot or a logo. A map has no threshold above which it means "backdoor" and no
#    comparison with other classes or networks, so there is no rate of false alarms one could quote.
#    The clean network's map for the target class shows something at the trigger, too, because it
#    answers "what raises the logit of the ankle boot", not "is this an ankle boot".
# 3. They show where the trigger is and that it, not the garment, decides: one triggered image
#    suffices, and a repair can be checked. SpRAy makes a global method of local maps: it compares the
#    maps of all training images of a class, and a small separate cluster of maps is the alarm.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 4 points; half points are possible.
#
# - 1 point: a triggered input is needed, and the backdoor is inactive on clean ones (either half alone:
#   half a point).
# - 1 point: concentrated maps occur without any backdoor, with a concrete example or the figure.
# - 1 point: what makes a detection is named as missing: a comparison (other classes, clean networks), a
#   threshold, a false-alarm rate, or a search over unknown triggers. One of them, well argued, suffices.
# - 1 point: the use after an alarm (place, cause, checking a repair), and {{ if section.spray }}SpRAy as {{ end }}clustering of the
#   maps of a whole class.
#
# "The maps are wrong" or "local methods do not work" contradicts the figure: no point for item 3.
# === END MARK SCHEME ===
