# %% [markdown] minutes=20
# ## Section: Counterfactuals
#
# *What would have had to be different?* A **counterfactual** (Wachter, Mittelstadt and Russell 2017)
# is an input close to $x'$ that the model decides differently. For a linear classifier
# $\mathrm{sgn}(w^\top x + b)$ and the Euclidean distance there is a formula. The shortest way to the
# boundary is along $w$, and the signed distance to it is $(w^\top x'+b)/\|w\|$. So the nearest point
# of the boundary is the orthogonal projection
#
# $$ x^* = x' - \frac{w^\top x'+b}{w^\top w}\,w . $$
#
# At $x^*$ the classifier is undecided: a counterfactual lies a little further, on the other side.
#
# **Worked example.** $w=(3,4)$, $b=-5$, $x'=(3,4)$: $w^\top x'+b=20$ and $w^\top w=25$, so
# $x^*=(3,4)-0.8\,(3,4)=(0.6,0.8)$, at distance 4 from $x'$.

# %% [markdown]
# ### Task: the linear counterfactual
#
# Return the point that lies *beyond* the boundary, as seen from $x$, at the Euclidean distance
# `margin` from it, and is as close to $x$ as that allows. For `margin=0` that is $x^*$ itself.


# %% nbgrader={"grade_id": "linear-counterfactual", "solution": true}
# answer: linear-counterfactual
def linear_counterfactual(x, w, b, margin):
    """Return the counterfactual of x for the classifier sgn(w·x + b): an array (features,).

    x, w: (features,).  b: float.  margin: float, distance to the boundary on its other side.
    """
    ### BEGIN SOLUTION
    norm = np.linalg.norm(w)
    signed_distance = (w @ x + b) / norm
    return x - (signed_distance + np.sign(signed_distance) * margin) * w / norm
    ### END SOLUTION


# %% nbgrader={"grade_id": "linear-counterfactual-test", "grade": true, "points": 2}
w, b = np.array([3.0, 4.0]), -5.0
found = []
for x, wanted in [  # one on either side: the worked example, then w·x + b = −6
    (np.array([3.0, 4.0]), ([0.6, 0.8], [0.3, 0.4])),
    (np.array([-1.0, 0.5]), ([-0.28, 1.46], [0.02, 1.86])),
]:
    on = checks.numbers(linear_counterfactual(x, w, b, 0.0), (2,), "linear_counterfactual")
    beyond = checks.numbers(linear_counterfactual(x, w, b, 0.5), (2,), "linear_counterfactual")
    checks.expect(abs(w @ on + b) < 1e-9, "For margin 0 the result should lie on the boundary.")
    checks.expect(
        np.sign(w @ beyond + b) == -np.sign(w @ x + b),
        "For a positive margin the class should have changed. Try inputs on both sides.",
    )
    checks.close(on, wanted[0], "linear_counterfactual", "is this the boundary's nearest point?")
    checks.close(
        beyond,
        wanted[1],
        "linear_counterfactual",
        f"from x = {x.tolist()} with margin 0.5 it is {wanted[1]}, at the distance 0.5 from the "
        "boundary. How long is w?",
    )
    found.append((x, on, beyond))
figure, axis = plt.subplots(figsize=(6.5, 3.5))
line = np.array([-2.0, 4.0])
axis.plot(line, -(w[0] * line + b) / w[1], color=GREY, label="decision boundary")
for name, colour, (x, on, beyond) in zip(["first", "second"], [BLUE, ORANGE], found, strict=True):
    axis.plot(*zip(x, beyond, strict=True), ":", color=colour)
    axis.plot(*x, "o", color=colour, label=f"{name} input")
    axis.plot(*on, "s", color=colour, label="… its nearest boundary point")
    axis.plot(*beyond, "^", color=colour, label="… its counterfactual, margin 0.5")
axis.set(title="Linear counterfactuals", xlabel="x₁", ylabel="x₂", aspect="equal")
axis.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
checks.passed("linear-counterfactual", "an input on either side, with two margins")

# %% [markdown]
# ### Task: adversarial example or counterfactual?
#
# For the linear classifier the nearest counterfactual is also the smallest adversarial perturbation
# in the Euclidean norm. In a few sentences: what is nevertheless the difference between an
# adversarial example and a counterfactual explanation? Name at least two properties that you would
# demand of the one and not of the other, and give an example where a method that is good for one is
# bad for the other.

# %% [markdown] nbgrader={"grade_id": "adversarial-or-counterfactual", "solution": true, "grade": true, "points": 3}
# <!-- answer: adversarial-or-counterfactual -->
# *Your answer (about five sentences):*
#
# ### BEGIN SOLUTION
# Both are close inputs with another output, and the same optimisation may find them; what differs
# is the purpose, and with it what counts as good. An adversarial example is made to deceive: the
# change should go unnoticed, a person would still give the old class, so the model is *wrong* there.
# A counterfactual is made to be read: the change should be visible, sparse, plausible (near the data
# of the new class) and, for recourse, actionable, and the new output may well be *right* there.
# Minimising the distance alone on an image gives faint noise over all pixels: a perfect attack, and
# useless as an explanation. Conversely, adding a sleeve to a top changes the class in a way that
# everybody sees: a good counterfactual, and no attack.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 1 point: the purpose (deceive or test robustness, against inform or give recourse), or that the
# adversarial example's true class is unchanged whereas the counterfactual's may have changed.
# 1 point: two properties demanded of one only, such as imperceptible, against perceptible, sparse,
# plausible, actionable, diverse. Half a point for one.
# 1 point: an example that fits (such as minimal-distance noise over all pixels as a poor
# explanation, or a prototype-guided change as a poor attack), with the reason.
# === END MARK SCHEME ===
