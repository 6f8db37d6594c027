# %% answer="cav" kind="alternative"
# answer: cav
def activation_vector(concept, others, ridge):
    """Fitted again without each example."""

    def fit(rows, signs):
        mean, middle = rows.mean(0), signs.mean()
        inner = (rows - mean) @ (rows - mean).T
        inner += ridge * torch.eye(len(rows), dtype=torch.float64)
        return mean, middle, (rows - mean).T @ torch.linalg.solve(inner, signs - middle)

    rows = torch.vstack([concept, others])
    signs = torch.tensor([1.0] * len(concept) + [-1.0] * len(others), dtype=torch.float64)
    right = 0
    for k in range(len(rows)):
        rest = [j for j in range(len(rows)) if j != k]
        mean, middle, weights = fit(rows[rest], signs[rest])
        right += bool(signs[k] * (middle + (rows[k] - mean) @ weights) > 0)
    return nn.functional.normalize(fit(rows, signs)[2], dim=0), right / len(rows)


# %% answer="cav" kind="wrong"
# answer: cav
def activation_vector(concept, others, ridge):
    # the accuracy on the examples that it was trained with, and no mean taken off
    rows = torch.cat([concept, others])
    signs = torch.cat([torch.ones(len(concept)), -torch.ones(len(others))]).double()
    inner = rows @ rows.T + ridge * torch.eye(len(rows)).double()
    weights = rows.T @ torch.linalg.solve(inner, signs)
    return weights / weights.norm(), ((rows @ weights) * signs > 0).double().mean().item()


# %% answer="along" kind="alternative"
# answer: along
def along(network, layer, images, vector, target):
    # forward differentiation: the layer returns its activations plus ε times the vector, at ε = 0
    def logits(epsilon):
        def moved(module, inputs, output):
            return output + epsilon * vector.view(output.shape[1:])

        handle = network.get_submodule(layer).register_forward_hook(moved)
        try:
            return network(images)[:, target]
        finally:
            handle.remove()

    return torch.autograd.functional.jacobian(logits, torch.tensor(0.0))


# %% answer="along" kind="wrong"
# answer: along
def along(network, layer, images, vector, target):
    # the probability in the logit's place
    found = []
    handle = network.get_submodule(layer).register_forward_hook(lambda m, i, o: found.append(o))
    scores = network(images).softmax(1)
    handle.remove()
    gradient = torch.autograd.grad(scores[:, target].sum(), found[0])[0]
    return (gradient.flatten(1) * vector).sum(1)


# %% answer="captum-tcav" kind="alternative"
# answer: captum-tcav
import tempfile

import captum.concept

folder = tempfile.mkdtemp()
both = [captum.concept.Concept(k, str(k), [each]) for k, each in enumerate((shoes, mixture))]
machine = captum.concept.TCAV(network, ["4", "9"], classifier=RidgeForCaptum(), save_path=folder)
said = machine.interpret(boots, [both], target=BOOT)["0-1"]
sign_counts, magnitudes, documented, unit_magnitudes = [], [], [], []
for name in ("4", "9"):
    kept = []
    hook = network[int(name)].register_forward_hook(lambda *call: kept.append(call[2]))
    output = network(boots.clone().requires_grad_())
    hook.remove()
    slopes = torch.autograd.grad(output[:, BOOT].sum(), kept[0])[0].flatten(1)
    direction = machine.cavs["0-1"][name].stats["weights"][0]
    numbers = (slopes * direction).sum(1).tolist()
    sign_counts.append(said[name]["sign_count"][0].item())
    magnitudes.append(said[name]["magnitude"][0].item())
    documented.append(sum(x for x in numbers if x > 0) / sum(abs(x) for x in numbers))
    unit_magnitudes.append(magnitudes[-1] / float(direction.square().sum().sqrt()))
computed = "mean"

# %% answer="captum-tcav" kind="wrong"
# answer: captum-tcav
import tempfile

from captum.concept import TCAV, Concept

pair = [Concept(0, "shoes", [shoes]), Concept(1, "mixture", [mixture])]
with tempfile.TemporaryDirectory() as folder:
    interpreter = TCAV(network, ["4", "9"], classifier=RidgeForCaptum(), save_path=folder)
    of_layer = interpreter.interpret(boots, [pair], target=BOOT)["0-1"]
# the documentation believed
sign_counts = [of_layer[name]["sign_count"][0].item() for name in ("4", "9")]
magnitudes = [of_layer[name]["magnitude"][0].item() for name in ("4", "9")]
documented, unit_magnitudes, computed = magnitudes, magnitudes, "part of the positive ones"
