# %% [markdown] minutes=60
# ## Section: The report
#
# **You learn** to choose: which figure carries what you found, and which sentences does it need?
# **Time:** {{ time }}.
#
# ### Task: one page
#
# Your group hands in a report of **one page** beside this notebook: what you asked and did, how, and
# what came out, with the figures that show it. A person who has not seen your notebook should
# understand the page.
#
# `report` makes it, as the file `report.pdf`. It takes what you chose, from top to bottom:
#
# | what | how you write it |
# |---|---|
# | a text | `"We asked **two** methods which pixels speak for a coat."`: Markdown, with `**bold**`, `*italic*`, lists, tables, `[links](https://…)` and formulas, `$x + \delta$` |
# | a figure | what `plots` returns, any figure of matplotlib, or a picture: `examples[0]` |
# | with a caption | `(figure, "What it shows, and what to look at.")` |
# | smaller | `(figure, "A caption.", 0.6)`: 60 % of the line |
# | several side by side | `[figure, (other, "A caption.")]` |
#
# For example:
#
# ```python
# report(
#     "A question as the title",
#     names=["Ada Lovelace", "Alan Turing"],
#     notebook="https://colab.research.google.com/drive/…",  # Colab: Share, anyone with the link, Copy link
#     parts=["A first text.", (examples[0], "The image.", 0.3), "A last text."],
# )
# ```
#
# A page that is too long is refused: the message says by how much, and what to shorten. Look at the
# letters in your figures: on paper they should be legible. You may also write the page with another
# program and save it as `report.pdf`. **Hand in both files**, this notebook and `report.pdf`. A person
# marks the page; grading does not run the cell below.

# %%
from xaikit import report

# %% nbgrader={"grade_id": "report", "solution": true, "grade": true, "points": 6} tags=["report"]
# answer: report
### BEGIN SOLUTION
few = ("gradient", "integrated_gradients", "grad_cam")
chosen = [explain(model, examples, targets, name) for name in few]
page = report(
    "Which pixels speak for which class?",
    names=["The authors"],
    notebook="https://github.com/{{ course.repository }}",
    parts=[
        "**Question.** A network calls one image of FashionMNIST by a wrong name. Which pixels speak for "
        "the class that it chose, and are they others than those for the true one?",
        "**Method.** We explained the logits of four classes (the true, the most, the second most and "
        "the least likely one) for a misclassified and for a correctly classified image. The gradient "
        "compares the image with its neighbours, Integrated Gradients with a black image; Grad-CAM weighs "
        "the last convolution's maps, and shows what speaks for a class alone.",
        (
            plots.attribution_grid(chosen, examples, classes=classes, roles=roles),
            "Red pixels speak for a class, blue ones against it. All maps of a method share one scale.",
            0.8,
        ),
        "**Result.** For the misclassified image Grad-CAM marks the middle of the garment for *Shirt* and its "
        "lower sides for *T-shirt/top*; for the boot it marks the instep, and for the least likely classes nearly "
        "nothing. The gradient and Integrated Gradients change sign from pixel to pixel, so that we name no "
        "region by them. With a black reference Integrated Gradients cannot mark the background: its values lie "
        "on the garment by construction. That the lower sides decide is a hypothesis, which covering them would "
        "test.",
        "**Limits.** Two images are examples and no statistics, and no map was tested here.",
    ],
)
display(page)
### END SOLUTION
# === BEGIN MARK SCHEME ===
# 6 points; half points are possible. The page stands below the group's cell. Judge the page alone: not
# its length below one page, nor which program made it. A second page is not read.
#
# - 1 point: the question and the set-up are clear to somebody who has not seen the notebook: model, data,
#   images, targets.
# - 1 point: the methods are named with what they compare the input with, and with the options that matter.
# - 2 points: at least one figure carries the result: legible, with a caption that says what is shown (colours,
#   scale) and what to look at. One point if the figure is there but cannot be read without the text.
# - 1 point: the result is stated, refers to places in the figure, and follows from it.
# - 1 point: limits: what the maps cannot show, chance, the number of images.
#
# Names and the link to the notebook belong to the page; if one is missing, say so, without taking points.
# === END MARK SCHEME ===
