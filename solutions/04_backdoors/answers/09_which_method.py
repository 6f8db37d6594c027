# %% answer="found-at" kind="alternative"
# answer: found-at
def found_at(scores, poisoned, most):
    best = 0.0
    for cut in [-math.inf, *scores.tolist()]:
        marked = scores > cut
        if marked[~poisoned].double().mean() <= most:
            best = max(best, marked[poisoned].double().mean().item())
    return best


# %% answer="found-at" kind="wrong"
# answer: found-at
def found_at(scores, poisoned, most):
    cut = scores.quantile(1 - most)  # of all examples, the poisoned ones included
    return (scores[poisoned] > cut).float().mean().item()


# %% answer="predict" kind="alternative"
# answer: predict
agreed = ("three classes", "share", "needs trigger", "covers", "always two", "last layer")
prediction = {key: "yes" if key in agreed else "no" for key in statements}


# %% answer="predict" kind="wrong"
# answer: predict
prediction = {
    "three classes": "no",
    "scale": "yes",
    "accuracy": "yes",
    "share": "no",
    "squared": "yes",
    "needs data": "no",
    "needs trigger": "yes",
    "covers": "no",
    "one source": "yes",
    "always two": "yes",
    "last layer": "no",
    "local": "yes",
}


# %% [markdown] answer="which-method" kind="alternative"
# <!-- answer: which-method -->
# 1.
#    | method | detects | explains | needs |
#    |---|---|---|---|
#    | Neural Cleanse | yes (two classes: with references) | the mask, roughly | model, clean images |
#    | SpRAy | yes | where, by the cluster's maps | model, training data with labels |
#    | activation clustering | yes | no, names examples | the same |
#    | spectral signatures | yes | no, names examples | the same |
#    | CAV | if one suspects the trigger | which class reacts | model, trigger |
#    | LIME, IG | no | where | model, a triggered image |
#
# 2. 0 of 3 clean networks flagged by any method; 4 of 4 found from the data, 3 of 4 by Neural Cleanse,
#    which missed the 2 × 2 square at 2 %. Three networks allow false-alarm rates up to one half.
# 3. Without data Neural Cleanse beside clean networks, then unlearning. With data spectral signatures,
#    look at the suspects, remove them, train anew. A trigger of the whole image might pass all of them.
