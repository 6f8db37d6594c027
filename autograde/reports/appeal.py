"""For an appeal: a task's hidden inputs, what was expected and what came back, for the instructor.

As a page, and as a cell that repeats the hidden calls where it is pasted below the answer.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from autograde.inside.networks import Layer, Network
from autograde.model.records import TaskResult
from autograde.reports.pages import render
from autograde.safety.files import write_whole
from autograde.safety.html import code_html
from autograde.safety.sanitize import clean_text, safe_name
from autograde.sandbox.replies import Failed
from autograde.tasks import Comparison, Unusable

FOLDER = "appeals"
_LONG = 3000  # characters of one value that a page shows
_LITERAL = 64  # numbers of an array that a cell holds as they are written

_HELPERS = """import base64
import zlib

import numpy as np
import torch
from torch import nn


def _array(text, kind, shape):
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), kind).reshape(shape).copy()


def _layer(module, weight, bias):
    module.weight.data = torch.from_numpy(weight)
    if bias is not None:
        module.bias.data = torch.from_numpy(bias)
    return module
"""


@dataclass(frozen=True)
class Row:
    """One hidden call, or one variable.

    Attributes
    ----------
    name
        What it is called on the page.
    arguments
        The hidden inputs; none of a variable.
    expected
        What the author's solution gives.
    returned
        What the student's gave.
    changed
        The places of the arguments that the call changed.
    """

    name: str
    arguments: tuple[Any, ...]
    expected: Any
    returned: Any
    changed: frozenset[int] = frozenset()

    @property
    def apart(self) -> str:
        """How far the two are apart, if they are numbers of one shape."""
        if not all(isinstance(each, np.ndarray) for each in (self.expected, self.returned)):
            return ""
        if self.expected.shape != self.returned.shape or self.expected.dtype.kind not in "biuf":
            return ""
        with np.errstate(all="ignore"):
            far = np.abs(self.expected.astype(float) - self.returned.astype(float))
        return f"{far.max():.6g}" if far.size else ""


def write_appeal(
    student: str,
    assignment: str,
    result: TaskResult,
    function: str,
    rows: Sequence[Row],
    compared: Sequence[Comparison],
    outcome: Sequence[str],
    out: Path,
) -> tuple[Path, Path]:
    """Write the page and the cell, and return where they lie.

    Parameters
    ----------
    function
        What hidden calls call; empty for variables.
    compared
        What the check compared, and with what.
    outcome
        What grading anew gave, a sentence each.
    out
        The folder of results.
    """
    folder = out / FOLDER / safe_name(student)
    page, cell = (folder / f"{assignment}-{result.task}.{kind}" for kind in ("html", "py"))
    text = cell_text(student, assignment, result.task, function, rows)
    html = render(
        "appeal.html",
        student=student,
        assignment=assignment,
        result=result,
        function=function,
        rows=rows,
        compared=compared,
        outcome=outcome,
        value=value_html,
        cell=code_html(text),
    )
    write_whole(page, html)
    write_whole(cell, text)
    return page, cell


def value_html(value: Any) -> Markup:
    """Return a value as text: kind, shape and numbers."""
    text = clean_text(_words(value))
    more = f" … ({len(text) - _LONG} characters more)" if len(text) > _LONG else ""
    return Markup('<pre class="output">{}{}</pre>').format(text[:_LONG], more)


def cell_text(student: str, assignment: str, task: str, function: str, rows: Sequence[Row]) -> str:
    """Return the code that repeats the hidden calls, or that shows the variables."""
    about = f"# {assignment}, {task}, {safe_name(student)}: for an appeal. Not for students.\n"
    expected = _assigned("expected", [row.expected for row in rows])
    if not function:
        names = ", ".join(repr(row.name) for row in rows)
        return (
            f"{about}# Paste it below the answer's cell.\n{_HELPERS}\n\n{expected}"
            f"for name, wanted in zip([{names}], expected):\n"
            '    print(name, "is", globals().get(name), "and should be", wanted)\n'
        )
    hidden = _assigned("hidden", [row.arguments for row in rows])
    return (
        f"{about}# Paste it below the cell that defines {function}.\n{_HELPERS}\n\n"
        f"{hidden}{expected}"
        "for arguments, wanted in zip(hidden, expected):\n"
        f'    print("{function} returns", {function}(*arguments), "and should return", wanted)\n'
    )


def _assigned(name: str, values: Sequence[Any]) -> str:
    lines = [f"    {source(value)},\n" for value in values]
    return f"{name} = [\n{''.join(lines)}]\n"


def source(value: Any) -> str:
    """Return Python code that makes this value."""
    torch_tensor = type(value).__module__ == "torch" and hasattr(value, "detach")
    if torch_tensor:
        return f"torch.from_numpy({_array_source(value.detach().cpu().numpy())})"
    if isinstance(value, Network):
        return f"nn.Sequential({', '.join(map(_layer_source, value.layers))}).eval()"
    if isinstance(value, np.ndarray):
        return _array_source(value)
    if isinstance(value, np.generic):
        return f"{_array_source(np.asarray(value))}[()]"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, tuple):
        return f"({''.join(f'{source(item)}, ' for item in value).rstrip(' ')})"
    if isinstance(value, list):
        return f"[{', '.join(map(source, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{source(k)}: {source(v)}' for k, v in value.items())}}}"
    if isinstance(value, Failed | Unusable):
        return repr(value.reason)
    return repr(value)


def _array_source(array: np.ndarray[Any, Any]) -> str:
    plain = array.dtype.kind in "biu" or bool(np.isfinite(array).all())
    if array.size <= _LITERAL and plain:
        return f"np.array({array.tolist()!r}, dtype={array.dtype.name!r}).reshape({array.shape})"
    packed = base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes())).decode()
    return f"_array({packed!r}, {array.dtype.name!r}, {array.shape})"


def _layer_source(layer: Layer) -> str:
    kinds = {
        "relu": "ReLU",
        "leaky_relu": "LeakyReLU",
        "sigmoid": "Sigmoid",
        "tanh": "Tanh",
        "softplus": "Softplus",
        "flatten": "Flatten",
        "maxpool": "MaxPool2d",
        "avgpool": "AvgPool2d",
    }
    options = [f"{key}={source(value)}" for key, value in layer.options.items()]
    if layer.weight is None:
        if layer.kind == "softmax":
            return "nn.Softmax(dim=1)"
        return f"nn.{kinds[layer.kind]}({', '.join(options)})"
    outputs, inputs, *kernel = layer.weight.shape
    bias = f"bias={layer.bias is not None}"
    if layer.kind == "linear":
        module = f"nn.Linear({inputs}, {outputs}, {bias})"
    else:
        sizes = f"{inputs}, {outputs}, ({kernel[0]}, {kernel[1]})"
        module = f"nn.Conv2d({', '.join([sizes, bias, *options])})"
    return f"_layer({module}, {source(layer.weight)}, {source(layer.bias)})"


def _words(value: Any) -> str:
    if isinstance(value, Failed | Unusable):
        return value.reason
    if isinstance(value, Network):
        return " → ".join(_layer_words(layer) for layer in value.layers)
    if type(value).__module__ == "torch" and hasattr(value, "detach"):
        return f"tensor, {_words(value.detach().cpu().numpy())}"
    if isinstance(value, np.ndarray):
        numbers = np.array2string(value, precision=6, threshold=400, max_line_width=96)
        return f"{value.dtype.name}{list(value.shape) if value.ndim else ''}\n{numbers}"
    if isinstance(value, list | tuple):
        return "\n".join(f"[{i}] {_words(item)}" for i, item in enumerate(value)) or repr(value)
    if isinstance(value, dict):
        return "\n".join(f"{key!r}: {_words(item)}" for key, item in value.items()) or "{}"
    return repr(value)


def _layer_words(layer: Layer) -> str:
    return layer.kind if layer.weight is None else f"{layer.kind} {list(layer.weight.shape)}"
