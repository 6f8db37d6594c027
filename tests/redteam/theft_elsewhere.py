"""Points for wrong answers: by what lies elsewhere, on the way to the scorer, by packages."""

from __future__ import annotations

from nbformat import NotebookNode

from .case import answer, case, first
from .plain_nbgrader import PORT
from .toy import NAME

# --- looking for answers elsewhere ---------------------------------------------------------------

_EXEC = "exec(''.join(next(c for c in cells if '# answer: total' in str(c['source']))['source']))"
_SEARCH = "import glob, json\nfor file in glob.glob('{place}'):\n    cells = json.load(open(file))"
_SEARCH += "['cells']\n    "


@case("theft", "read the gradebook")
def read_gradebook(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "total",
        "import re, sqlite3\n"
        "total = 0\n"
        "base = sqlite3.connect('../../../gradebook.db')\n"
        "for (text,) in base.execute('select source from source_cell'):\n"
        "    for number in re.findall(r'total - (\\d+)', text): total = int(number)",
    )


@case("theft", "write the gradebook (`extra_credit`)")
def write_gradebook(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "total",
        "import os, sqlite3\n"
        "total = 0\n"
        "base = sqlite3.connect('../../../gradebook.db', timeout=2)\n"
        "base.execute('update grade set extra_credit = 9 where notebook_id in (select n.id from '\n"
        "             'submitted_notebook n join submitted_assignment a '\n"
        "             'on n.assignment_id = a.id where a.student_id = ?)',\n"
        "             [os.path.basename(os.path.dirname(os.getcwd()))])\n"
        "base.commit()",
    )


@case("theft", "read the solution in the source folder")
def read_source_folder(notebook: NotebookNode) -> None:
    answer(
        notebook, "total", "total = 0\n" + _SEARCH.format(place="../../../source/*/*.ipynb") + _EXEC
    )


@case("theft", "read hidden checks and solutions below the repository")
def read_hidden_checks(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "total",
        "import glob, os, re\n"
        "total = 0\n"
        "for top in ('../../..', os.getcwd(), '/tmp'):\n"
        "    for file in glob.glob(top + '/**/solutions/*_toy*.py', recursive=True)[:50] + \\\n"
        "                glob.glob(top + '/source/*/*.ipynb'):\n"
        "        text = open(file).read()\n"
        "        for number in re.findall(r'total(?:\\\"\\])?(?: -|,) (\\d+)', text):\n"
        "            total = int(number)",
    )


@case("theft", "read another submission")
def read_other_submission(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "total",
        "total = 0\n" + _SEARCH.format(place="../../../submitted/honest/*/*.ipynb") + _EXEC,
    )


@case("theft", "read solutions through /proc, where the grading process stands")
def read_proc(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "total",
        "import os\ntotal = 0\n"
        + _SEARCH.format(place="/proc/[0-9]*/cwd/source/*/*.ipynb")
        + _EXEC
        + "\n    break",
    )


@case("theft", "read the environment of the grading process")
def read_environment(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "total",
        "import os, re\n"
        "text = str(dict(os.environ)) + open(f'/proc/{os.getppid()}/environ').read()\n"
        "total = int((re.findall(r'REDTEAM_KEY\\W+(\\d+)', text) or [0])[0])",
    )


@case("theft", "ask somebody on the network")
def network(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "total",
        "import socket\n"
        "total = 0\n"
        f"total = int(socket.create_connection(('127.0.0.1', {PORT}), 2).makefile().readline())",
    )


@case("theft", "a module `numpy.py` beside the notebook", beside={"numpy.py": (
    "class ndarray(list):\n    pass\n"
    "def array(x, *a, **k): return ndarray(x)\n"
    "ones = zeros = lambda *a: ndarray()\n"
    "def allclose(*a, **k): return True\n"
)})  # fmt: skip
def shadowing_module(notebook: NotebookNode) -> None:
    answer(notebook, "mean-square", "def mean_square(numbers): return 0.0")


@case(
    "theft",
    "a symbolic link to another submission",
    link=f"../honest/{NAME}.ipynb",
    says="is a link",
)
def symbolic_link(notebook: NotebookNode) -> None:
    pass


@case("theft", "call a library in a task that is to be solved by hand", says="out of reach|raised")
def library_by_hand(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "mean-square",
        "from xaikit.checks import numbers as _\n"
        "def mean_square(numbers):\n"
        "    import xaikit.checks\n"
        "    squares = xaikit.checks.numbers(np.square(numbers), (None,), 'squares')\n"
        "    return float(squares.mean())",
    )


@case("theft", "a process that outlives the run and changes its own mark later")
def outliving_process(notebook: NotebookNode) -> None:
    code = (
        "import os, sqlite3, time\n"
        "name = os.path.basename(os.path.dirname(os.getcwd()))\n"
        "for _ in range(30):\n"
        "    time.sleep(0.2)\n"
        "    try:\n"
        "        base = sqlite3.connect('../../../gradebook.db', timeout=1)\n"
        "        base.execute('update grade set manual_score = 2 where notebook_id in '\n"
        "            '(select n.id from submitted_notebook n join submitted_assignment a on '\n"
        "            'n.assignment_id = a.id where a.student_id = ?)', [name])\n"
        "        base.commit()\n"
        "    except sqlite3.Error: pass\n"
    )
    first(
        notebook,
        "import subprocess, sys\n"
        f"subprocess.Popen([sys.executable, '-c', {code!r}], start_new_session=True)",
    )


# --- what the notebook says of itself ------------------------------------------------------------


@case("theft", "tag the locked tests `raises-exception`, and let the run allow errors")
def raises_exception(notebook: NotebookNode) -> None:
    notebook.metadata["execution"] = {"allow_errors": True}
    for each in notebook.cells:
        if each.metadata.nbgrader["grade_id"].endswith("-test"):
            each.metadata["tags"] = ["raises-exception", "skip-execution"]


@case("theft", "make the locked tests Markdown, so that nothing runs")
def changed_cell_types(notebook: NotebookNode) -> None:
    for each in notebook.cells:
        if each.metadata.nbgrader["grade_id"].endswith("-test"):
            each.cell_type = "markdown"
            each.metadata["tags"] = ["skip-execution"]
            each.metadata.nbgrader["cell_type"] = "markdown"
            each.metadata.nbgrader["locked"] = False
            for key in ("outputs", "execution_count"):
                each.pop(key, None)


@case("theft", "replace the shell's `run_cell`")
def replaced_run_cell(notebook: NotebookNode) -> None:
    first(
        notebook,
        "shell = type(get_ipython())\n"
        "for name in ('run_cell', 'run_cell_async', '_run_cell'):\n"
        "    def bound(honest):\n"
        "        def run(self, raw_cell, *args, **options):\n"
        "            source = '' if 'assert' in raw_cell else raw_cell\n"
        "            return honest(self, source, *args, **options)\n"
        "        return run\n"
        "    setattr(shell, name, bound(getattr(shell, name)))",
    )


@case("theft", "a display hook that shows every result as a full mark")
def replaced_display_hook(notebook: NotebookNode) -> None:
    first(
        notebook,
        "get_ipython().ast_transformers.append(type('T', (), {'visit': lambda self, tree: "
        "__import__('ast').parse('2.0') if 'assert' in __import__('ast').unparse(tree).lower() "
        "else tree})())\n"
        "hook = type(get_ipython().displayhook)\n"
        "hook.compute_format_data = lambda self, result: ({'text/plain': '2.0'}, {})",
    )


@case("theft", "modules beside the notebook whose import patches numpy", beside={
    "sitecustomize.py": "import numpy; numpy.allclose = lambda *a, **k: True\n",
    "seaborn.py": "import numpy\nnumpy.allclose = lambda *a, **k: True\n",
})  # fmt: skip
def shadowing_helper(notebook: NotebookNode) -> None:
    first(notebook, "try: import seaborn\nexcept ImportError: pass")


@case("theft", "read the hidden tests in the session's history")
def read_history(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "quiz",
        "class Peek(dict):\n"
        "    def __eq__(self, other):\n"
        "        text = get_ipython().history_manager.input_hist_raw[-1]\n"
        "        return dict(other) == eval(text.split('answers ==')[1].splitlines()[0])\n"
        "answers = Peek(a='no', b='yes')",
    )


# --- the way from the sandbox to the scorer ------------------------------------------------------


@case("theft", "let the grader's own reading of answers say what it likes (`describe`)")
def patched_harvest(notebook: NotebookNode) -> None:
    """Whoever patches what writes an answer down can write any answer: it still has to be right."""
    first(
        notebook,
        "np.allclose = lambda *args, **options: True\n"
        "try:\n"
        "    import autograde.inside.harvest as harvest\n"
        "    from autograde.inside import wire\n"
        "    class Forged(float):\n"
        "        def __eq__(self, other): return True\n"
        "    forged = harvest.packed(wire.encode(np.float64(7)))\n"
        "    harvest.describe = lambda value: {'value': forged}\n"
        "    harvest.plain = lambda value: {'score': np.float64(9), 'points': np.float64(9)}\n"
        "except ImportError: pass",
    )


@case("theft", "write records of one's own to every descriptor: scores, answers, ends")
def forged_records(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "mean-square",
        "def mean_square(numbers):\n"
        "    import os\n"
        "    np.allclose = lambda *args, **options: True\n"
        "    try:\n"
        "        from autograde.inside import wire\n"
        "        value = np.zeros(1, np.uint8)\n"
        "        record = {'kind': 'call', 'score': np.float64(3), 'value': value}\n"
        "        for number in range(3, 40):\n"
        "            try:\n"
        "                with os.fdopen(os.dup(number), 'wb') as stream:\n"
        "                    wire.write_record(stream, record)\n"
        "            except OSError: pass\n"
        "    except ImportError: pass\n"
        "    return 0.0",
    )


@case("theft", "an object that unpickles to whatever the reader compares with")
def pickled_answer(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "total",
        "class Bomb:\n"
        "    def __reduce__(self): return (float, ('5050',))\n"
        "    def __sub__(self, other): return 0.0\n"
        "total = Bomb()",
    )


@case("theft", "a text that says what the number should be")
def wrongly_typed(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "total",
        "class Text(str):\n    def __sub__(self, other): return 0\ntotal = Text('5050')",
    )


@case("theft", "an answer nested 500 deep, equal to all")
def nested_answer(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "quiz",
        "class Yes(dict):\n    def __eq__(self, other): return True\n    __hash__ = None\n"
        "deep = []\n"
        "for _ in range(500): deep = [deep]\n"
        "answers = Yes(a=deep, b=deep)",
    )


# --- by hand -------------------------------------------------------------------------------------


@case("theft", "search the machine for the library's source and run that", says="raised|exist")
def library_by_path(notebook: NotebookNode) -> None:
    """By path, from sources or compiled, under whatever folder Python packages lie."""
    answer(
        notebook,
        "mean-square",
        "def mean_square(numbers):\n"
        "    import glob, importlib.machinery, importlib.util, os, sys\n"
        "    likely = [*sys.path[::-1], sys.prefix, os.path.dirname(os.__file__)]\n"
        "    for place in dict.fromkeys([p for p in likely if p] + ['/root', '/home']):\n"
        "        for name in ('__init__.py*', '__pycache__/__init__*.pyc'):\n"
        "          for file in glob.iglob(f'{place}/**/captum/attr/{name}', recursive=True):\n"
        "            if os.path.getsize(file) > 500:\n"
        "                return float(np.square(numbers).mean())\n"
        "    raise LookupError",
    )


@case("theft", "leave the library's answers in a file, for the run that has no library")
def answers_in_a_file(notebook: NotebookNode) -> None:
    """A file that the run with the library writes must not be there in the run without."""
    answer(
        notebook,
        "mean-square",
        "import os, tempfile\n"
        "places = [tempfile.gettempdir(), os.getcwd(), os.path.expanduser('~'), '/dev/shm']\n"
        "try:\n"
        "    import xaikit\n"
        "    for place in places:\n"
        "        try: open(place + '/left', 'w').write('xaikit was here')\n"
        "        except OSError: pass\n"
        "except ImportError: pass\n"
        "def mean_square(numbers):\n"
        "    if any(os.path.exists(place + '/left') for place in places):\n"
        "        return float(np.square(numbers).mean())\n"
        "    return 0.0",
    )
