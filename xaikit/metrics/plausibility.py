"""Would a person have marked the same words? Plausibility, which is not faithfulness."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.attribution import Explanation
from xaikit.core.arguments import finite
from xaikit.core.precision import widened
from xaikit.metrics.maps import expected_hits
from xaikit.metrics.registry import metric


@metric(
    "Token F1",
    needs=("ground truth",),
    direction="higher is better",
    flaw="plausible is not faithful: a map that marks what people would mark scores well, "
    "independent of what the network has read",
    paper="DeYoung et al. 2020, ERASER, arXiv:1911.03429",
)
def token_f1(explanation: Explanation, rationale: Tensor, *, tokens: int | None = None) -> Tensor:
    """Return the F1 score of the most important tokens against a person's rationale, (N, T).

    From 0 to 1; nan where the rationale is empty. Of equal attributions on the border the expected
    number counts, as if they were drawn by lot.

    Parameters
    ----------
    explanation
        Attributions (N, T, tokens); or (N, T, tokens, dimensions) of embeddings, reduced to a
        token's Euclidean norm, which forgets the sign.
    rationale
        Boolean (N, tokens): the tokens that a person marked.
    tokens
        How many of the explanation's tokens count as marked; default: as many as the text's
        rationale has, so that precision and recall are equal.

    Examples
    --------
    >>> import torch
    >>> from xaikit.metrics import intensity_ranking, token_f1
    >>> explanation = intensity_ranking(torch.tensor([[0.9, 0.1, 0.8, 0.2]]), targets=0)
    >>> token_f1(explanation, torch.tensor([[True, True, False, False]]))
    tensor([[0.5000]])
    """
    values = widened(finite(explanation.attributions, "attributions"))
    if values.ndim == 4:
        values = values.norm(dim=3)
    if values.ndim != 3:
        raise ValueError(
            f"token_f1 needs attributions (N, T, tokens) or (N, T, tokens, dimensions); these are "
            f"{tuple(explanation.attributions.shape)}."
        )
    if rationale.dtype != torch.bool or rationale.shape != (len(values), values.shape[2]):
        raise ValueError(
            f"rationale has to be boolean of shape {(len(values), values.shape[2])}; it is "
            f"{rationale.dtype} of shape {tuple(rationale.shape)}."
        )
    if tokens is not None and tokens > values.shape[2]:
        raise ValueError(f"tokens has to be at most {values.shape[2]}, not {tokens}.")
    marked = rationale.to(values.device).unsqueeze(1).expand(values.shape)
    size = marked.sum(dim=2)
    chosen = size if tokens is None else torch.full_like(size, tokens)
    score = 2 * expected_hits(values, marked, chosen) / (chosen + size)
    return torch.where(size == 0, torch.nan, score).to(values.dtype)
