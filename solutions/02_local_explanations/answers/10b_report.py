# %% answer="report" kind="alternative"
# answer: report
from pathlib import Path

one = explain(model, examples[:1], targets[:1, :2], "smoothgrad", samples=20, seed=1)
drawn = plots.attribution_grid([one], examples[:1], classes=classes, roles=roles[:2])
page = report(
    title="One method, one mistake",
    names=["Grace Hopper"],
    notebook="https://example.org/notebook",
    parts=[
        "## What we did\n\nSmoothGrad (20 samples) for the class that is right and the class that was said.",
        [(drawn, "Red: for the class."), (examples[0], "The image.")],
        "## What came out\n\nThe two maps overlap; this says *where*, and not *why*.",
    ],
    path=Path("report.pdf"),
)
