"""alibi's own counterfactuals of a PyTorch model, computed in a process of their own.

alibi (Klaise et al. 2021, Alibi explain: algorithms for explaining machine learning models, JMLR
22(181)) needs TensorFlow's graph mode, which would take over the whole process, and older packages
than ours. So it runs beside this one, by a Python of its own, and asks for predictions over a pipe;
the model stays here, and what goes there is plain arrays.
"""

from __future__ import annotations

from typing import Annotated, Any

from torch import Tensor

from xaikit.core.cards import data_of
from xaikit.core.options import Whole, accepted, known_options
from xaikit.counterfactuals.alibi_task import missing, run
from xaikit.counterfactuals.rl import Given, generator_for
from xaikit.counterfactuals.rl_networks import Generator
from xaikit.counterfactuals.search import Examples, Search, checked_examples

_EXAMPLES = 5000

OPTIONS: dict[str, dict[str, Any]] = {
    "wachter": {
        "target_proba": 1.0,
        "tol": 0.05,
        "max_iter": 100,
        "early_stop": 50,
        "lam_init": 0.1,
        "max_lam_steps": 3,
        "learning_rate_init": 0.1,
        "eps": 0.01,
    },
    "prototype": {
        "kappa": 0.0,
        "beta": 0.1,
        "theta": 10.0,
        "max_iterations": 100,
        "c_init": 1.0,
        "c_steps": 2,
        "learning_rate_init": 0.01,
        "update_num_grad": 1,
    },
    "rl": {
        "train_steps": 5000,
        "batch_size": 128,
        "coeff_sparsity": 7.5,
        "coeff_consistency": 0.0,
        "act_noise": 0.1,
        "exploration_steps": 100,
    },
}
"""What may be set, by alibi's own names. Iterations default to fewer than alibi's: through a
predict function each takes some 1,600 predictions of a 28 × 28 image."""

_KINDS = {int: Annotated[int, Whole(2**31, "a whole number of at least 0")], float: float}
"""What may be set to what, by the type of its default."""


def alibi(
    problem: Search,
    *,
    method: str,
    examples: Tensor | None = None,
    generator: Generator | None = None,
    **options: Any,
) -> tuple[Tensor, Tensor]:
    """Let alibi's ``Counterfactual``, ``CounterfactualProto`` or ``CounterfactualRL`` search.

    Parameters
    ----------
    problem
        What is asked.
    method
        ``"wachter"``, ``"prototype"`` (by k-d trees) or ``"rl"`` (trained anew in each call, on
        our autoencoder).
    examples
        Training inputs (B, *shape): prototypes are found among them, and ``"rl"`` trains on
        them. By default 5,000 of the data set that the model's card names.
    generator
        For ``"rl"``: whose encoder and decoder to use; by default the shipped one's.
    **options
        alibi's own, see ``OPTIONS``.

    Returns
    -------
    tuple of torch.Tensor
        (N, T, *shape) and (N, T): what alibi found, else the input, and where it did.

    Raises
    ------
    ImportError
        If alibi cannot run here, with the reason and the native method's name.
    ValueError, TypeError
        An unknown option, or examples that alibi cannot use.
    RuntimeError
        If alibi fails, with its own last words.
    """
    if (why := missing()) is not None:
        raise ImportError(
            f"alibi cannot run here: {why}. The same method without alibi: "
            f'counterfactual(model, inputs, targets, "{method}").'
        )
    defaults = OPTIONS[method]
    known_options(f"alibi's {method}", defaults, options)
    kinds = {name: _KINDS[type(value)] for name, value in defaults.items()}
    options = {name: accepted(value, kinds[name], name) for name, value in options.items()}
    examples = accepted(examples, Examples | None, "examples")
    generator = accepted(generator, Given | None, "generator")
    files, weights = {}, None
    if method != "wachter":
        examples = _examples(problem, examples)
        files["examples"] = examples.cpu().float().numpy()
    if method == "rl":
        weights = generator_for(problem.model, generator).state_dict()
    return run(
        method,
        lambda rows: problem.probabilities(rows.to(problem.inputs)).float().cpu(),
        problem.inputs,
        problem.targets,
        defaults | options,
        problem.seed,
        files,
        weights,
    )


def _examples(problem: Search, examples: Tensor | None) -> Tensor:
    """Return the examples given or default ones, if each class that is wanted has one."""
    if examples is None:
        instead = "examples have to be given: examples=, a tensor (B, …) of training inputs"
        examples = data_of(problem.model, instead).images[:_EXAMPLES]
    examples = checked_examples(problem, examples)
    seen = problem.seen_in(examples).tolist()
    if lacking := sorted(set(range(problem.classes)) - set(seen)):
        raise ValueError(
            f"alibi needs an example of every class, but the model sees none of class "
            f"{lacking[0]} among the {len(examples)}: give more examples."
        )
    return examples
