"""What a student's code needs, by its text."""

from __future__ import annotations

import pytest

from xaikit.handin.code import syntax_error, taken


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x = 1", ""),
        ("%matplotlib inline\n!ls\nx = !ls", ""),
        ("await f()", ""),
        ("    x = 1\n    y = 2", ""),  # IPython takes that
        ("def f(x)\n    return x", "line 1"),
        ("x = 1\nprint(\u201chello\u201d)", "line 2"),
        ("return 1", "outside function"),
        ("%%bash\nls", "%%bash"),
    ],
)
def test_it_says_what_cannot_run(source: str, says: str) -> None:
    wrong = syntax_error(source)
    assert says in wrong and bool(wrong) == bool(says)


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["def f(x):\n    return model(x)"], {"model"}),
        (["def f(model):\n    return model(1)"], set()),
        (["model = 1\ndef f(x):\n    return model + x"], set()),
        (["def f(x):\n    return helper(x)", "def helper(x):\n    return images[x]"], {"images"}),
        (["size = len(images)", "def f(x):\n    return x * size"], {"images", "len"}),
        (["def f(x):\n    return x", "y = images"], set()),
        (["def f(x, scale=images.max()):\n    return x"], {"images"}),
        (["f = lambda x: [i * k for i in x]"], {"k"}),
        (["from xaikit import load\ndef f(x):\n    return load(x)"], {"xaikit"}),
        (["def f(x):\n    import xaikit.plots as p\n    return p.draw(x)"], {"xaikit"}),
        (["import xaikit\ndef f(x):\n    return x"], set()),
        (["import numpy as np\ndef f(x):\n    return np.abs(table[x])"], {"numpy", "table"}),
        (["def f(x)\n    return images"], set()),
        (["def g(x):\n    return images"], set()),
    ],
)
def test_it_finds_what_a_function_takes_from_elsewhere(cells: list[str], names: set[str]) -> None:
    assert frozenset.union(*taken("f", cells)) == names
