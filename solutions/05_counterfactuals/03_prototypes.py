# %% [markdown] minutes=30
# Look at your picture. Most pixels are exactly as they were, few have changed, and the network is
# sure. Would *you* call it a dress?
#
# ## Section: Guided by prototypes
#
# **You learn** how prototypes lead a counterfactual towards images of the class. **Time:** {{ time }}.
#
# Wachter's loss does not depend on what dresses look like. Van Looveren and Klaise
# ([2019](https://arxiv.org/abs/1907.02584)) add terms that do: an autoencoder $\mathrm{AE}$, trained
# on all images, should be able to rebuild the counterfactual, and its code should be near the
# **prototype** of the class, with $\beta$ weighing $L_1$ against $L_2$ (an *elastic net*):
#
# $$c\,\max\bigl(0, \text{largest other} - p_t\bigr) + \beta\lVert\delta\rVert_1 +
#   \lVert\delta\rVert_2^2 + \gamma \lVert x' - \mathrm{AE}(x')\rVert_2^2 + \theta\,
#   \lVert \mathrm{ENC}(x') - \mathrm{proto}_t\rVert_2^2 .$$
#
# (Their own first term always asks for any class but the present one; to which class it goes is left to
# the prototype. Ours asks for $t$.) The prototype of a class, *for an input $x$*, is the mean code of
# the $K$ training images of that class (those that the model assigns to it) whose codes are nearest to
# $\mathrm{ENC}(x)$. Without a network to encode, a k-d tree finds near training examples of a class in
# the input space.
#
# ### Task: the nearest prototype
#
# Write `nearest_prototype(code, codes, labels, k, original)`: compute the prototype of every class that
# occurs in `labels`, but for class `original`, and return the number of the class whose prototype is
# nearest to `code`, and that prototype. Distances are Euclidean.


# %% nbgrader={"grade_id": "prototype", "solution": true}
# answer: prototype
def nearest_prototype(
    code: Tensor, codes: Tensor, labels: Tensor, k: int, original: int
) -> tuple[int, Tensor]:
    """Return the nearest other class and its prototype (D,).

    code: (D,), of the input. codes: (N, D), of training images, labels: (N,); every class has at
    least k images.
    """
    ### BEGIN SOLUTION
    prototypes = {}
    for label in labels[labels != original].unique().tolist():
        own = codes[labels == label]
        order = (own - code).norm(dim=1).argsort()[:k]
        prototypes[label] = own[order].mean(dim=0)
    nearest = min(prototypes, key=lambda label: (prototypes[label] - code).norm())
    return nearest, prototypes[nearest]
    ### END SOLUTION


# %% nbgrader={"grade_id": "prototype-test", "grade": true, "points": 2}
checks.function(nearest_prototype, "nearest_prototype")
toy = {  # images by class; the code is (10, 0), and k is 2
    6: [[11.0, 1.0], [9.0, 1.0]],  # the input's own class
    1: [[9.0, 0.0], [3.5, 0.0]],
    12: [[10.0, 5.0], [14.0, 2.0], [10.0, 90.0], [11.0, 3.0]],
}
toy_codes = torch.tensor([each for images in toy.values() for each in images])
toy_labels = torch.tensor([label for label, images in toy.items() for _ in images])
answered = nearest_prototype(torch.tensor([10.0, 0.0]), toy_codes, toy_labels, 2, 6)
checks.expect(
    isinstance(answered, tuple | list) and len(answered) == 2,
    "Return two things: the class and its prototype.",
)
which = checks.numbers(answered[0], (), "the class")
checks.expect(which != 6, "The input's own class is no counterfactual: leave it out.")
checks.close(
    which,
    12,
    "the class",
    "Class 1 has the nearest single code and the smaller mean distance, but its prototype is farther away "
    "(Euclidean) than that of class 12, of which only the k images count that are nearest to the code.",
)
hint = "It is the mean of the k codes of the class that are nearest to the code (Euclidean)."
checks.close(answered[1], [12.5, 2.5], "the prototype", hint, tolerance=1e-3)
checks.passed("prototype", "form, class and prototype of a small table")
