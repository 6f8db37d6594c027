"""What instructors and students open afterwards: nothing of a submission may act there.

``MARK`` stands where a script or a request would; plain nbgrader's page is searched for the same.
"""

from __future__ import annotations

from nbformat import NotebookNode

from .case import answer, before, case, cell

MARK = "redteam-was-here"


@case("page", "a script in the text that a person marks", silent=f"<script>document.title='{MARK}'")
def script_in_markdown(notebook: NotebookNode) -> None:
    cell(notebook, "why").source += f"\n\n<script>document.title='{MARK}'</script>"


@case("page", "an event handler in the text that a person marks", silent=f'onerror="{MARK}')
def handler_in_markdown(notebook: NotebookNode) -> None:
    cell(notebook, "why").source += f"\n\n<img src=x onerror='{MARK}()'>"


@case("page", "a picture that tells its author who looked, and when", silent=f'src="http://{MARK}')
def tracking_picture(notebook: NotebookNode) -> None:
    cell(notebook, "why").source += f"\n\n![seen](http://{MARK}.example/seen.png)"


@case("page", "a formula with a script behind it, for MathJax", silent=r"\href{javascript:")
def script_in_formula(notebook: NotebookNode) -> None:
    cell(notebook, "why").source += f"\n\n$\\href{{javascript:alert('{MARK}')}}{{E = mc^2}}$"


@case("page", "HTML as output", silent=f'onclick="{MARK}')
def html_output(notebook: NotebookNode) -> None:
    before(
        notebook,
        "total",
        f"from IPython.display import HTML, display\ndisplay(HTML('<b on' + 'click={MARK}()>'))",
    )


@case("page", "JavaScript as output", silent=f"alert('{MARK}')")
def javascript_output(notebook: NotebookNode) -> None:
    before(
        notebook,
        "total",
        "from IPython.display import Javascript, display\n"
        f"code = 'ale' + \"rt('{MARK}')\"\ndisplay(Javascript(code))",
    )


@case("page", "a function that tells hidden inputs by its exception's name", silent="told_")
def hidden_inputs_in_names(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "mean-square",
        "def mean_square(numbers):\n"
        "    raise type('told' + '_' + str(float(numbers[0]))[-8:].replace('.', '_')\n"
        "               .replace('-', '_'), (Exception,), {})()",
    )


@case("page", "a result that tells hidden inputs by its type's name", silent="told_")
def hidden_inputs_in_types(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "mean-square",
        "def mean_square(numbers):\n"
        "    name = 'told' + '_' + str(float(numbers[0]))[-8:].replace('.', '_')\n"
        "    if len(numbers) == 3 and numbers[2] == 4: raise type(name, (Exception,), {})()\n"
        "    return type(name.replace('-', '_'), (), {})()",
    )


@case("page", "hidden inputs printed, and raised as a message", silent="told_")
def hidden_inputs_printed(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "mean-square",
        "def mean_square(numbers):\n"
        "    print('told' + '_', numbers)\n"
        "    raise ValueError('told' + '_' + str(numbers))",
    )


@case("page", "2 MB of prints", silent="flood" * 20_000)
def output_flood(notebook: NotebookNode) -> None:
    before(notebook, "total", "print('flood' * 400_000)")


@case("page", "a name that a page would read backwards, in a formula's text", silent="\u202e")
def turned_text(notebook: NotebookNode) -> None:
    cell(notebook, "why").source += "\n\nscore: \u202e9 fo 0\u202c"
