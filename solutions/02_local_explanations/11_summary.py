# %% [markdown]
# ## Section: Summary
#
# | method | compares the input with | needs | cost a class | adds up to | you choose | beware |
# |---|---|---|---|---|---|---|
# | gradient | its immediate neighbours | gradients | 1 forward + 1 backward | – | nothing | saturation, noise |
# | input × gradient | black, to first order | gradients | the same | $f(x) - f(0)$ for linear $f$ | nothing | zero wherever the input is |
# | SmoothGrad | noisy neighbours | gradients | $n$ × gradient | – | $\sigma$, $n$ | explains a blurred network |
# | guided backpropagation | – | gradients (differs at ReLUs) | 1 forward + 1 backward | – | nothing | shows edges, of random networks as well |
# | Integrated Gradients | a baseline, along a line | gradients | $m$ × gradient | $f(x) - f(x')$, as $m \to \infty$ | baseline, $m$ | zero where the input equals the baseline |
# | expected gradients | training data, along lines | gradients | $n$ × gradient | $f(x) - \mathbb E f(x')$, as $n \to \infty$ | references, $n$ | chance |
# | DeepLIFT | a reference | the layers | 2 forward + 1 backward | $f(x) - f(x')$ | reference, rule | depends on how the function is implemented |
# | DeepSHAP | background samples | the layers | $B$ × DeepLIFT | $f(x) - \operatorname{mean} f(x')$ | backgrounds | only approximates SHAP values |
# | LRP | what each unit received | the layers | a few forward + 1 backward | $f(x)$, less what biases keep | the rule of each layer | depends on the rule and the implementation |
# | deep Taylor | the same | the layers | the same | $f(x)$, if positive | the inputs' range | assumes biases that are not positive |
# | Grad-CAM | nothing: positive evidence in the last maps | a convolution | 1 forward + a short backward | – | layer | coarse, hides evidence against |
# | LIME | itself with segments hidden | answers only | $S$ forward + a regression | about $f(x)$, with its intercept | segments, filling, $\sigma$, $\lambda$, $S$ | chance, unnatural images |
# | KernelSHAP | backgrounds, segment by segment | answers only | $S \cdot B$ forward + a regression | $f(x) - \operatorname{mean} f(x')$ | segments, backgrounds, $S$ | the same |
# | TreeSHAP | backgrounds, or training data in the tree | the trees | polynomial in their size | $f(x) - $ base value | which of the two | two answers, one name |
# | exemplars | training examples | features | the training set, once | – | layer | does not say what is alike |
#
# What is it called elsewhere? The methods of `xaikit.methods()`, and the class that `explain(…, backend="captum")` and the
# like call, with the options that you know; –: `explain` does not ask this library. (zennit has its own `SmoothGrad`
# and `Occlusion`, too.)
#
# | method | captum | shap | lime | zennit | by itself the class … |
# |---|---|---|---|---|---|
# | `gradient` | `Saliency` | – | – | `Gradient` | returns absolute values in captum: `abs=False` |
# | `input_x_gradient` | `InputXGradient` | – | – | – | |
# | `smoothgrad` | `NoiseTunnel` | – | – | – | draws 5 samples, noise of 1 |
# | `guided_backprop` | `GuidedBackprop` | – | – | `GuidedBackprop` | sees modules only |
# | `integrated_gradients` | `IntegratedGradients` | – | – | `IntegratedGradients` | takes zero as the baseline |
# | `expected_gradients` | – | – | – | – | is nearest to `gradient_shap` |
# | `gradient_shap` | `GradientShap` | `GradientExplainer` | – | – | draws 5 (captum), 200 (shap) samples |
# | `deeplift` | `DeepLift` | – | – | – | sees modules only, is wrong for maximum pooling right after a ReLU |
# | `deep_shap` | `DeepLiftShap` | `DeepExplainer` | – | – | sees modules only (shap looks at the sum) |
# | `lrp` | `LRP` | – | – | `LayerMapComposite` | sees modules only |
# | `deep_taylor` | – | – | – | `SpecialFirstLayerMapComposite` | sees modules only |
# | `grad_cam` | `LayerGradCam` | – | – | – | neither cuts at zero nor enlarges |
# | `occlusion` | `Occlusion` | – | – | – | moves one step at a time |
# | `lime` | `Lime` | – | `LimeImageExplainer` | – | captum: fits a lasso; lime: hides by the mean colour |
# | `kernel_shap` | `KernelShap` | `KernelExplainer` | – | – | draws 25 samples (captum), keeps ten features (shap) |
# | `exemplar` | – | – | – | – | |
#
# | test | asks | small or large | flaw |
# |---|---|---|---|
# | deletion, insertion | does the output follow the order? | small, large | images with holes; depends on the fill |
# | infidelity | does the map predict the change? | small | depends on the perturbation |
# | sensitivity | does the map stay the same? | small | constant maps are perfect |
# | weight randomisation | does the map change? | small agreement | the input remains in the map; noise passes |
# | silhouette | is it on the object? | – | cannot fail on black background |
# | mosaic, sticker | is it where we know it is? | large | the place has to be known |
# | agreement of methods | do they say the same? | – | both can be wrong |
# | token-level F1 | do people agree? | large | plausible is not faithful |
# | forward simulation | does it help people to predict? | large | people, and the drawing |
#
# Keep four habits: name the reference before you read a map; check a sum where there is one; ask
# about another class and another network, because a map that is the same for every question answers
# none; and compare every number with that of a random and of a trivial map.
#
# **Read on**
#
# - W. Samek et al. 2021, [Explaining Deep Neural Networks and
#   Beyond](https://arxiv.org/abs/2003.07631): methods and their evaluation in one review.
# - M. Ancona et al. 2018, [Towards better understanding of gradient-based attribution
#   methods](https://arxiv.org/abs/1711.06104): DeepLIFT, LRP and Integrated Gradients in one
#   framework.
# - C. Anders et al. 2020, [Fairwashing Explanations with Off-Manifold
#   Detergent](https://arxiv.org/abs/2007.09969): change the network where no data is, and every map
#   with it.
# - S. Krishna et al. 2022, [The Disagreement Problem in Explainable Machine
#   Learning](https://arxiv.org/abs/2202.01602): what people do when methods disagree.
# - D. Alvarez-Melis and T. Jaakkola 2018, [On the Robustness of Interpretability
#   Methods](https://arxiv.org/abs/1806.08049): how much explanations change when the input hardly
#   does.
# - C. Molnar, [Interpretable Machine
#   Learning](https://christophm.github.io/interpretable-ml-book/), the chapters on LIME, SHAP and
#   saliency maps.

# %% [markdown]
# ## Hand in
#
# Save the notebook, then run the cell below. It reads the saved file as grading does and says what
# grading will not find, leaves out or cannot run, with what to do. In a terminal `python -m xaikit
# check 02_local_explanations.ipynb` does the same.
#
# `checks.rehearse("02_local_explanations.ipynb")`, in a cell of your own, runs the saved file as
# grading will: from the top, in a fresh process. It takes about as long as *Run All*, and changes
# neither your file nor your kernel. What you hand in is the file `02_local_explanations.ipynb`
# itself{{ if task.report }}, and beside it `report.pdf`{{ end }}.

# %% tags=["hand-in"]
checks.upload("02_local_explanations.ipynb")
