"""Points for wrong answers: every case starts from a notebook in which all answers are wrong."""

from __future__ import annotations

from nbformat import NotebookNode

from .case import answer, case, first

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
