# %% answer="tracin" kind="alternative"
# answer: tracin
def tracin(network, checkpoints, rates, inputs, labels, training, training_labels):
    before = {name: value.clone() for name, value in network.state_dict().items()}

    def slopes(x, y):
        rows = []
        for k in range(len(x)):
            loss = functional.cross_entropy(network(x[k : k + 1]), y[k : k + 1])
            parts = torch.autograd.grad(loss, list(network[-1].parameters()))
            rows.append(torch.cat([part.flatten() for part in parts]))
        return torch.stack(rows)

    total = 0
    for k in range(len(checkpoints)):
        network.load_state_dict(checkpoints[k])
        total = total + rates[k] * slopes(inputs, labels) @ slopes(training, training_labels).T
    network.load_state_dict(before)
    return total


# %% answer="tracin" kind="wrong"
# answer: tracin
def tracin(network, checkpoints, rates, inputs, labels, training, training_labels):
    # without the biases, as captum
    model = copy.deepcopy(network)
    total = torch.zeros(len(inputs), len(training))
    for state, rate in zip(checkpoints, rates):
        model.load_state_dict(state)
        with torch.no_grad():
            a, b = model[:-1](inputs), model[:-1](training)
            r = model[-1](a).softmax(1) - torch.eye(model[-1].out_features)[labels]
            q = model[-1](b).softmax(1) - torch.eye(model[-1].out_features)[training_labels]
        total += rate * (r @ q.T) * (a @ b.T)
    return total


# %% answer="captum" kind="alternative"
# answer: captum
import captum.influence

copied = copy.deepcopy(network)
pairs = [(training.images[i], int(training.labels[i])) for i in range(1000)]
rate_of = dict(enumerate(here.learning_rates))


def load_one(model, number):
    model.load_state_dict(here.checkpoints[number])
    return rate_of[number]


captums = captum.influence.TracInCPFast(
    model=copied,
    final_fc_layer="4",
    train_dataset=pairs,
    checkpoints=[0, 1, 2],
    checkpoints_load_func=load_one,
    loss_fn=nn.CrossEntropyLoss(reduction="sum"),
    batch_size=100,
).influence((asked_images, asked_labels))
apart = float(np.abs(captums.numpy() - ours.numpy()).max())
missing = "biases"
bias_part = torch.zeros(20, 1000)
for number in range(3):
    load_one(copied, number)
    with torch.no_grad():
        r, q = (
            copied(x).softmax(1) - torch.eye(10)[y]
            for x, y in ((asked_images, asked_labels), (training.images, training.labels))
        )
    bias_part += rate_of[number] * r @ q.T
apart_without = (captums + bias_part - ours).abs().max().item()


# %% answer="captum" kind="wrong"
# answer: captum
# the learning rate 1 for each checkpoint, as captum's own loading function has it
import captum.influence

copied = copy.deepcopy(network)


def load_plain(model, state):
    model.load_state_dict(state)
    return 1.0


captums = captum.influence.TracInCPFast(
    copied,
    copied[-1],
    torch.utils.data.TensorDataset(training.images, training.labels),
    here.checkpoints,
    load_plain,
    nn.CrossEntropyLoss(reduction="sum"),
    500,
).influence((asked_images, asked_labels))
apart = (captums - ours).abs().max()
missing = "learning rates"
apart_without = 0.0
