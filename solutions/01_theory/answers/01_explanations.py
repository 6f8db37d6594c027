# %% answer="taxonomy" kind="alternative"
# answer: taxonomy
local, overall, after = "Local", "Global", "post-hoc"
taxonomy = {
    name: [local, after, "agnostic" if name in {"LIME", "KernelSHAP"} else "specific"]
    for name in ("LIME", "KernelSHAP", "saliency map", "LRP")
}
taxonomy["shallow tree"] = [overall, "intrinsic", "specific"]
taxonomy["activation maximisation"] = [overall, after, "specific"]
for name in ("surrogate tree", "permutation importance"):
    taxonomy[name] = [overall, after, "agnostic "]


# %% answer="taxonomy" kind="wrong"
# answer: taxonomy
taxonomy = {
    "LIME": ("local", "post-hoc", "agnostic"),
    "KernelSHAP": ("global", "post-hoc", "agnostic"),  # SHAP is often plotted globally
    "saliency map": ("local", "post-hoc", "agnostic"),
    "LRP": ("local", "post-hoc", "specific"),
    "surrogate tree": ("global", "intrinsic", "specific"),  # a tree, yes, but of another model
    "shallow tree": ("global", "intrinsic", "specific"),
    "permutation importance": ("global", "post-hoc", "agnostic"),
    "activation maximisation": ("local", "post-hoc", "specific"),
}
