# %% answer="linear-counterfactual" kind="alternative"
# answer: linear-counterfactual
def linear_counterfactual(x, w, b, margin):
    projection = x - (w @ x + b) / (w @ w) * w
    outward = (projection - x) / np.linalg.norm(projection - x)
    return projection + margin * outward


# %% answer="linear-counterfactual" kind="wrong"
# answer: linear-counterfactual
def linear_counterfactual(x, w, b, margin):
    # Right for inputs of the positive class only.
    return x - (w @ x + b) / (w @ w) * w - margin * w / np.linalg.norm(w)


# %% [markdown] answer="adversarial-or-counterfactual" kind="alternative"
# <!-- answer: adversarial-or-counterfactual -->
# An attack wants a wrong output for an input that people still see as the old class, so its
# change should be invisible. A counterfactual tells a person what would have to be different, so
# its change should be visible, sparse and possible in the world, and the new class may be correct.
# For tabular loan data, "be five years younger" is close, but nobody can act on it: fine for an
# attack, useless as advice.
