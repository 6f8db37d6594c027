"""Models of tokens, explained at their embedding: beside autograd's own gradients and a sum."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from xaikit import explain

PAD = 0


class Reader(nn.Module):
    """Reads token ids: a mean over what is no padding, then a network."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(20, 6)
        self.head = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.read(self.embedding(tokens), tokens)

    def read(self, vectors: Tensor, tokens: Tensor) -> Tensor:
        mask = (tokens != PAD).unsqueeze(2)
        found: Tensor = self.head((vectors * mask).sum(1) / mask.sum(1))
        return found


TOKENS = torch.tensor([[3, 7, 9, 0], [5, 2, 11, 19]])


@pytest.fixture
def model() -> Reader:
    return Reader().double()


def test_the_gradient_is_autograds(model: Reader) -> None:
    found = explain(model, TOKENS, [[0, 2], [1, 1]], "gradient", layer=model.embedding)
    vectors = model.embedding(TOKENS).detach().requires_grad_()
    scores = model.read(vectors, TOKENS)
    for column, classes in enumerate(([0, 1], [2, 1])):
        chosen = scores.gather(1, torch.tensor(classes)[:, None]).sum()
        (expected,) = torch.autograd.grad(chosen, vectors, retain_graph=True)
        torch.testing.assert_close(found.attributions[:, column], expected)
    assert not found.attributions[0, :, 3].any()  # the padding
    assert model.training and all(each.requires_grad for each in model.parameters())


@pytest.mark.parametrize("name", ["integrated_gradients", "deeplift"])
@pytest.mark.parametrize("baseline", [None, torch.tensor([1, 1, 1, 1]), torch.full((2, 4), 4)])
def test_attributions_add_up_from_any_baseline(
    model: Reader, name: str, baseline: Tensor | None
) -> None:
    options = {"steps": 400} if name == "integrated_gradients" else {}
    found = explain(
        model, TOKENS, 1, name, layer=model.embedding, baseline=baseline, **options
    ).attributions[:, 0]
    if baseline is None:
        vectors = torch.zeros(2, 4, 6).double()
    else:
        vectors = model.embedding(baseline.expand(2, 4))
    change = (model(TOKENS) - model.read(vectors, TOKENS))[:, 1].detach()
    torch.testing.assert_close(found.sum((1, 2)), change, atol=2e-3, rtol=0)


def test_mistakes_get_one_sentence(model: Reader) -> None:
    with pytest.raises(TypeError, match=r"where they are tokens, explain\(…, layer=\)"):
        explain(model, TOKENS, 1, "gradient")
    with pytest.raises(ValueError, match="layer has to be a module of the model"):
        explain(model, TOKENS, 1, "gradient", layer=nn.Embedding(20, 6))
    with pytest.raises(ValueError, match="the model fails on tokens of shape"):
        explain(model, TOKENS + 90, 1, "gradient", layer=model.embedding)
    with pytest.raises(ValueError, match="target 5 is out of range"):
        explain(model, TOKENS, 5, "gradient", layer=model.embedding)


def test_grad_cam_reshapes_a_transformers_tokens() -> None:
    torch.manual_seed(0)
    model = VisionTransformer(16, 4, 2, 2, 8, 16, num_classes=3).double().eval()
    nn.init.normal_(model.heads.head.weight)
    layer, x = model.encoder.layers[-1].ln_1, torch.rand(2, 3, 16, 16).double()

    def reshape(tokens: Tensor) -> Tensor:
        return tokens[:, 1:].transpose(1, 2).unflatten(2, (4, 4))

    found = explain(model, x, 1, "grad_cam", layer=layer, reshape_transform=reshape)
    kept: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _, __, found: kept.append(found))
    scores = model(x)[:, 1].sum()
    hook.remove()
    (slopes,) = torch.autograd.grad(scores, kept[0])
    weights = reshape(slopes).mean((2, 3), keepdim=True)
    maps = (weights * reshape(kept[0])).sum(1, keepdim=True).relu()
    expected = nn.functional.interpolate(maps, size=(16, 16), mode="bilinear")
    torch.testing.assert_close(found.attributions[:, 0], expected.expand(-1, 3, -1, -1).detach())
    with pytest.raises(ValueError, match="reshape_transform belongs to a layer"):
        explain(model, x, 1, "grad_cam", reshape_transform=reshape)
    with pytest.raises(ValueError, match="reshape_transform= makes maps of tokens"):
        explain(model, x, 1, "grad_cam", layer=layer)
