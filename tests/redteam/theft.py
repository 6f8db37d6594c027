"""Points for wrong answers: every case starts from a notebook in which all answers are wrong."""

from __future__ import annotations

from nbformat import NotebookNode

from .case import answer, case, first
from .plain_nbgrader import PORT
from .toy import NAME

# --- around the tests ----------------------------------------------------------------------------


@case("theft", "tag the locked tests `skip-execution`")
def skip_execution(notebook: NotebookNode) -> None:
    for each in notebook.cells:
        if each.metadata.nbgrader["grade_id"].endswith("-test"):
            each.metadata["tags"] = ["skip-execution"]


@case("theft", "an AST transformer that removes every assert")
def ast_transformer(notebook: NotebookNode) -> None:
    first(
        notebook,
        "import ast\n"
        "class Gone(ast.NodeTransformer):\n"
        "    def visit_Assert(self, node): return ast.Pass()\n"
        "    def visit_Raise(self, node): return ast.Pass()\n"
        "get_ipython().ast_transformers.append(Gone())",
    )


@case("theft", "an input transformer that empties cells with an assert")
def input_transformer(notebook: NotebookNode) -> None:
    first(
        notebook,
        "def gone(lines): return [] if any('assert' in line for line in lines) else lines\n"
        "get_ipython().input_transformers_cleanup.append(gone)",
    )


@case("theft", "an input transformer that turns tests into a float as final expression")
def float_as_final_expression(notebook: NotebookNode) -> None:
    first(
        notebook,
        "def bought(lines): return ['2.0'] if any('assert' in line for line in lines) else lines\n"
        "get_ipython().input_transformers_cleanup.append(bought)",
    )


@case("theft", "replace the kernel's `do_execute`")
def replaced_do_execute(notebook: NotebookNode) -> None:
    first(
        notebook,
        "kernel = get_ipython().kernel\n"
        "honest = kernel.do_execute\n"
        "async def do_execute(code, *args, **options):\n"
        "    return await honest('' if 'assert' in code else code, *args, **options)\n"
        "kernel.do_execute = do_execute",
    )


@case("theft", "forget errors by replacing `showtraceback` and the execution result")
def replaced_showtraceback(notebook: NotebookNode) -> None:
    first(
        notebook,
        "from IPython.core.interactiveshell import ExecutionResult\n"
        "get_ipython().showtraceback = lambda *args, **options: None\n"
        "ExecutionResult.success = True\n"
        "ExecutionResult.__setattr__ = lambda self, name, value: object.__setattr__(\n"
        "    self, name, None if name.startswith('error') else value)",
    )


@case("theft", "let the messages to the grader say `ok` (session.send)")
def replaced_session_send(notebook: NotebookNode) -> None:
    first(
        notebook,
        "session = get_ipython().kernel.session\n"
        "honest = session.send\n"
        "def send(stream, kind, content=None, *args, **options):\n"
        "    if kind == 'error': return None\n"
        "    if kind == 'execute_reply' and content['status'] == 'error':\n"
        "        content = {'status': 'ok', 'execution_count': 1, 'payload': [],\n"
        "                   'user_expressions': {}}\n"
        "    return honest(stream, kind, content, *args, **options)\n"
        "session.send = send",
    )


@case("theft", "compile without asserts (builtins.compile with optimize=1)")
def optimised_compiler(notebook: NotebookNode) -> None:
    first(
        notebook,
        "import builtins\n"
        "honest = builtins.compile\n"
        "def optimised(*args, **options):\n"
        "    if len(args) < 6: options['optimize'] = 1\n"
        "    return honest(*args, **options)\n"
        "builtins.compile = optimised",
    )


@case("theft", "a hook before each cell that reads the test and sets the answer")
def hook_before_cells(notebook: NotebookNode) -> None:
    first(
        notebook,
        "import re\n"
        "def peek(info):\n"
        "    found = re.search(r'total - (\\d+)', info.raw_cell)\n"
        "    if found: get_ipython().user_ns['total'] = int(found[1])\n"
        "get_ipython().events.register('pre_run_cell', peek)",
    )


# --- around the comparison -----------------------------------------------------------------------


@case("theft", "an object that equals everything")
def always_equal(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "quiz",
        "class Yes(dict):\n    def __eq__(self, other): return True\n    __hash__ = None\n"
        "answers = Yes(a='no', b='yes')",
    )


@case("theft", "a number whose differences are nought")
def agreeable_number(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "total",
        "class Near(float):\n    def __sub__(self, other): return 0.0\ntotal = Near(1)",
    )


@case("theft", "an ndarray subclass that answers for numpy (`__array_function__`)")
def lying_array(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "weights",
        "class Lying(np.ndarray):\n"
        "    def __array_function__(self, *args, **options): return True\n"
        "    def __array_ufunc__(self, *args, **options): return np.array(True)\n"
        "weights = np.zeros(3).view(Lying)",
    )


@case("theft", "an answer that reads the test when it is converted (`__array__`)")
def answer_that_looks_around(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "weights",
        "import re\n"
        "class Peek:\n"
        "    def __array__(self, *args, **options):\n"
        "        text = get_ipython().user_ns['In'][-1]\n"
        "        found = re.search(r'weights, (\\[.*?\\])', text)\n"
        "        return np.array(eval(found[1]) if found else [0.0])\n"
        "weights = Peek()",
    )


@case("theft", "an answer that reads the test when it is compared (`__eq__`)")
def the_tests_own_text(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "quiz",
        "class Peek(dict):\n"
        "    def __eq__(self, other):\n"
        "        return dict(other) == eval(In[-1].split('answers ==')[1].splitlines()[0])\n"
        "answers = Peek(a='no', b='yes')",
    )


@case("theft", "an empty array: `allclose` holds for all of nothing")
def empty_array(notebook: NotebookNode) -> None:
    answer(notebook, "weights", "weights = np.zeros((0, 3))")
    answer(notebook, "mean-square", "def mean_square(numbers): return np.zeros(0)")


@case("theft", "nan: no difference is larger than the tolerance")
def not_a_number(notebook: NotebookNode) -> None:
    answer(notebook, "total", "total = float('nan')")


@case("theft", "an array of both: the right one among many by broadcasting")
def broadcast(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "quiz",
        "class Any(str):\n"
        "    def __eq__(self, other): return other in ('yes', 'no')\n"
        "    def __hash__(self): return hash('yes')\n"
        "answers = {'a': Any('maybe'), 'b': Any('maybe')}",
    )


@case("theft", "patch `numpy.allclose`")
def patched_numpy(notebook: NotebookNode) -> None:
    first(notebook, "np.allclose = lambda *args, **options: True")


@case("theft", "patch `torch.allclose` and numpy with it, from the function that is called")
def patched_when_called(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "mean-square",
        "def mean_square(numbers):\n"
        "    import sys\n"
        "    for name in ('numpy', 'torch'):\n"
        "        if name in sys.modules:\n"
        "            sys.modules[name].allclose = lambda *args, **options: True\n"
        "    return 0.0",
    )


@case("theft", "patch `builtins.abs`")
def patched_builtins(notebook: NotebookNode) -> None:
    first(notebook, "import builtins\nbuiltins.abs = lambda x: 0.0")


@case("theft", "put another module under numpy's name into `sys.modules`")
def patched_modules(notebook: NotebookNode) -> None:
    first(
        notebook,
        "import sys, types\n"
        "fake = types.ModuleType('numpy')\n"
        "fake.__dict__.update({k: v for k, v in np.__dict__.items() if k != 'allclose'})\n"
        "fake.allclose = lambda *args, **options: True\n"
        "sys.modules['numpy'] = fake",
    )


@case("theft", "a thread that outlives its cell and patches for ever")
def patching_thread(notebook: NotebookNode) -> None:
    first(
        notebook,
        "import threading, time\n"
        "def patch():\n"
        "    for _ in range(3000):\n"
        "        np.allclose = lambda *args, **options: True\n"
        "        time.sleep(0.003)\n"
        "threading.Thread(target=patch, daemon=True).start()",
    )


@case("theft", "change the caller's names from inside the called function")
def callers_frame(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "mean-square",
        "def mean_square(numbers):\n"
        "    import sys, types\n"
        "    seen = sys._getframe(1).f_globals\n"
        "    seen['np'] = types.SimpleNamespace(array=lambda x: x, allclose=lambda *x: True,\n"
        "                                       ones=lambda n: n)\n"
        "    return 0.0",
    )


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
        "    return float(np.square(numbers).mean())",
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
