# %% [markdown] minutes=15 core=true
# ## Section: What is an explanation?
#
# A network maps an input to an output by millions of multiplications. All of them together *are*
# the reason for its answer, but no person can read them. An **explanation** is a
# smaller object (a map over pixels, a weight per feature, an example, a rule, a sentence) that
# answers some question about the model well enough for somebody's purpose. Three questions place
# a method.
#
# | question | one end | the other end |
# |---|---|---|
# | What is explained? | **local**: the prediction for one input | **global**: the model as a whole |
# | When does it arise? | **intrinsic**: the model is built such that it explains itself | **post-hoc**: computed afterwards, for a model that is already there |
# | What must be known of the model? | **model-agnostic**: its outputs suffice | **model-specific**: gradients, activations, or a particular architecture |
#
# A model that explains itself is one particular model, so intrinsic explanations are specific.
# Many global views are local explanations, aggregated; that does not make the local method global.
#
# **Purposes.** Adadi and Berrada (2018) give four reasons to explain: to justify, to control, to
# improve, to discover. This course changes one of them: it puts *trust* in the place of *control*
# (to see and to prevent errors), because a person must decide about trust before any control.
# Explain to **justify** (was this decision right, can it be defended?), to **improve** (what is wrong
# with the model, and what could a person do to get another decision?), to **trust** (should we rely on
# it, and where not?), to **discover** (what did the model find in the data that we did not know?). The
# last is the most tempting one: an explanation shows what the *model* uses. Whether the world works
# like that is a question for an experiment.
#
# **Trade-offs.** No method is best in all four of these:
#
# - **fidelity**: does the explanation agree with what the model computes?
# - **understandability**: can the person it is made for make use of it?
# - **construction effort**: what has to be built, trained, chosen or labelled beforehand?
# - **efficiency**: how long does one explanation take?
#
# A list of all weights has perfect fidelity and no understandability; a single sentence is the
# other way round. Rudin (2019) concludes that for high stakes an intrinsically interpretable model
# should be preferred to a black box explained afterwards. Doshi-Velez and Kim (2017) ask how to
# evaluate: with experts in the real application, with lay people on simplified tasks, or with a
# formal proxy. Most numbers in the literature, and in this course, are of the third sort. Such a
# proxy is the **deletion curve** (*pixel flipping*, Samek 2017): replace the inputs one by one, in
# the order of their relevance, by a fill value such as black, and plot the output; it should fall
# fast. The curve depends on the fill value, and an input with deleted parts may lie outside the
# distribution of the training data.

# %% [markdown]
# ### A map of the methods
#
# The table says in a few words what each method does. You will compute most of them yourself.
#
# | method | idea | paper |
# |---|---|---|
# | saliency map | gradient of an output with respect to the input | Simonyan 2014 |
# | guided backpropagation | the same, but negative signals are stopped at every ReLU | Springenberg 2015 |
# | integrated gradients | gradients added up on the way from a baseline to the input | Sundararajan 2017 |
# | Grad-CAM | channels of a convolution, weighted by their mean gradients | Selvaraju 2017 |
# | LRP | the output is propagated back, layer by layer, in proportion to contributions | Bach 2015 |
# | LIME | perturb the input, watch the outputs, fit a sparse linear model to them | Ribeiro 2016 |
# | SHAP | fair shares of the difference between this prediction and a reference | Lundberg 2017 |
# | counterfactual | the closest input that is decided differently | Wachter 2017 |
# | distillation | a smaller or simpler model imitates the trained one | Hinton 2015; Craven 1996 |
# | permutation importance | shuffle a feature's column, see how much accuracy is lost | Breiman 2001 |
# | activation maximisation | search for an input at which a neuron's activation is largest | Erhan 2009 |
# | SpRAy | spectral clustering of relevance maps; shows decisions that are right for the wrong reason (Clever Hans) | Lapuschkin 2019 |
# | DeepPINK | one network weighs each feature against a synthetic copy of it, its knockoff | Lu 2018 |
# | DeepProbLog | logic programs whose uncertain facts come from networks, trained through the differentiable probability of a query | Manhaeve 2018 |
# | PJ-X | answers questions on images (data set VQA-X), points to evidence and gives its reasons in words | Park 2018 |

# %% [markdown]
# ### Task: place the methods
#
# For each method give a triple of words: `"local"` or `"global"`, `"intrinsic"` or `"post-hoc"`,
# `"agnostic"` or `"specific"`. Read the names as follows: the *saliency map* of one image; the
# *surrogate tree* is distilled from some black box, of which only outputs are known; the *shallow
# tree* is itself the deployed model and is read as its own explanation; *permutation importance*
# is measured on the whole test set; *activation maximisation* for a neuron of a convolutional layer.
# Each method that is right in all three earns a share.

# %% nbgrader={"grade_id": "taxonomy", "solution": true}
# answer: taxonomy
taxonomy = {
    "LIME": ("", "", ""),
    "KernelSHAP": ("", "", ""),
    "saliency map": ("", "", ""),
    "LRP": ("", "", ""),
    "surrogate tree": ("", "", ""),
    "shallow tree": ("", "", ""),
    "permutation importance": ("", "", ""),
    "activation maximisation": ("", "", ""),
}
### BEGIN SOLUTION
taxonomy = {
    "LIME": ("local", "post-hoc", "agnostic"),
    "KernelSHAP": ("local", "post-hoc", "agnostic"),
    "saliency map": ("local", "post-hoc", "specific"),
    "LRP": ("local", "post-hoc", "specific"),
    "surrogate tree": ("global", "post-hoc", "agnostic"),
    "shallow tree": ("global", "intrinsic", "specific"),
    "permutation importance": ("global", "post-hoc", "agnostic"),
    "activation maximisation": ("global", "post-hoc", "specific"),
}
### END SOLUTION

# %% nbgrader={"grade_id": "taxonomy-test", "grade": true, "points": 3}
checks.expect(isinstance(taxonomy, dict), "`taxonomy` should stay a dictionary.")
words = [("local", "global"), ("intrinsic", "post-hoc"), ("agnostic", "specific")]
for method, triple in taxonomy.items():
    checks.expect(
        isinstance(triple, tuple | list)
        and len(triple) == 3
        and all(str(w).strip().casefold() in pair for w, pair in zip(triple, words, strict=True)),
        f"{method}: give three words, one of each pair: {words}.",
    )
checks.expect(len(taxonomy) == 8, "Keep the eight names of the methods as they were.")
checks.passed("taxonomy")
