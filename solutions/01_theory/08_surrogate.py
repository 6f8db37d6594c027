# %% [markdown] minutes=15
# ## Section: A global surrogate
#
# **Distillation** trains a *student* on the outputs of a *teacher* that has been trained before
# (Hinton 2015). If the student is a small decision tree, one can read it: a global, model-agnostic
# explanation (Craven and Shavlik 1996). Its **fidelity** says how well it imitates the teacher: the
# share of *new* inputs on which it predicts what the teacher predicts. That is not its accuracy, which
# compares with the true labels; a faithful surrogate makes the teacher's mistakes.
#
# A teacher's outputs are soft, $q=(0.7, 0.2, 0.1)$ rather than a single class, and the student's
# probabilities $p$ are fitted by the **cross-entropy** $H(q, p) = -\sum_k q_k\log p_k$. It is
# smallest for $p=q$.

# %% [markdown]
# ### Task: find the error in a cross-entropy
#
# The function below contains one mistake. With hard labels (zeros and a one) you would see it at
# once; with a teacher's soft labels training runs without an error, and converges to something
# else than the teacher. Correct it, without torch's own cross-entropy.


# %% nbgrader={"grade_id": "repair-cross-entropy", "solution": true}
# answer: repair-cross-entropy
def cross_entropy(teacher, student):
    """Return the mean cross-entropy H(teacher, student) over examples: a float.

    teacher, student: (N, classes), probabilities; all of them above 0.
    """
    return -(student * np.log(teacher)).sum(axis=1).mean()


### BEGIN SOLUTION
def cross_entropy(teacher, student):
    return -(teacher * np.log(student)).sum(axis=1).mean()


### END SOLUTION

# %% nbgrader={"grade_id": "repair-cross-entropy-test", "grade": true, "points": 1}
checks.without(cross_entropy, *checks.CROSS_ENTROPY)
soft = np.array([[0.7, 0.2, 0.1]])
losses = [
    checks.numbers(cross_entropy(soft, p), (), "cross_entropy")
    for p in (soft, np.array([[0.98, 0.01, 0.01]]), np.array([[0.4, 0.3, 0.3]]))
]
checks.expect(
    losses[0] == min(losses),
    "A student that copies its teacher exactly should have the smallest loss; here another has.",
)
checks.close(
    cross_entropy(
        np.array([[0.7, 0.2, 0.1], [0.2, 0.2, 0.6]]),
        np.array([[1 / 2, 1 / 4, 1 / 4], [1 / 4, 1 / 4, 1 / 2]]),
    ),
    1.35 * np.log(2),
    "cross_entropy",
    "two examples with the cross-entropies 1.3 log 2 and 1.4 log 2: their mean is 1.35 log 2. The "
    "student's probabilities are 1/2 and 1/4, whose logarithms are −log 2 and −2 log 2.",
)
checks.passed("repair-cross-entropy", "the smallest loss and two examples by hand")

# %% [markdown]
# ### Task: distil a network into a tree
#
# Train a `DecisionTreeClassifier(max_depth=depth, random_state=0)`, otherwise with default settings,
# as a surrogate of `model`. Return its fidelity and its accuracy, both on the test inputs. Think
# about which labels it is trained on.

# %% nbgrader={"grade_id": "given-tree"}
# Given: the surrogate's kind, for the next task.
from sklearn.tree import DecisionTreeClassifier


# %% nbgrader={"grade_id": "distillation", "solution": true}
# answer: distillation
def distil(model, train, train_labels, test, test_labels, depth):
    """Distil the model into a decision tree; return (fidelity, accuracy), two floats in [0, 1].

    model: network, (N, features) to (N, classes): its predicted class is the largest output.
    train, test: tensors (N, features).  train_labels, test_labels: tensors (N,), the true classes.
    depth: int, the tree's depth.
    """
    ### BEGIN SOLUTION
    with torch.no_grad():
        taught, wanted = (model(inputs).argmax(1).numpy() for inputs in (train, test))
    surrogate = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(train.numpy(), taught)
    predicted = surrogate.predict(test.numpy())
    return (predicted == wanted).mean(), (predicted == test_labels.numpy()).mean()
    ### END SOLUTION


# %% nbgrader={"grade_id": "distillation-test", "grade": true, "points": 3}
# By hand: class 1 is x > 0, and the training inputs put the tree's threshold at 1.
side = torch.nn.Linear(1, 2)
with torch.no_grad():
    side.weight[:], side.bias[:] = torch.tensor([[0.0], [1.0]]), 0
checks.close(
    distil(
        torch.nn.Sequential(side),
        torch.tensor([[-3.0], [-1.0], [3.0], [4.0]]),
        torch.tensor([1, 1, 0, 1]),
        torch.tensor([[-2.0], [0.5], [0.8], [2.0], [5.0]]),
        torch.tensor([1, 0, 0, 1, 1]),
        1,
    ),
    [0.6, 0.8],
    "distil",
    "by hand: the tree's threshold is 1. Of the five test inputs it imitates the model on three, and "
    "is right about four. Which inputs and which labels enter each of the two shares?",
)
# A teacher that decides by a ring, while the labels follow its half plane x₁ > 0.
rng = np.random.default_rng(4)
angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
directions = torch.tensor(np.column_stack([np.cos(angles), np.sin(angles)]), dtype=torch.float32)
teacher = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
with torch.no_grad():
    teacher[0].weight[:], teacher[0].bias[:] = directions, 0
    teacher[2].weight[:] = torch.tensor([[0.0], [1.0]]) * torch.ones(8)
    teacher[2].bias[:] = torch.tensor([2.6, 0.0])
inputs = torch.tensor(rng.uniform(-2, 2, size=(1500, 2)), dtype=torch.float32)
truth = (inputs[:, 0] > 0).long()
depths = range(1, 9)
pairs = [
    distil(teacher, inputs[:1000], truth[:1000], inputs[1000:], truth[1000:], depth)
    for depth in depths
]
curve = np.array([checks.numbers(pair, (2,), "distil") for pair in pairs])
checks.expect(curve.min() >= 0 and curve.max() <= 1, "Fidelity and accuracy are shares in [0, 1].")
checks.expect(
    curve[-1, 0] > 0.93 and curve[-1, 1] < 0.7,
    "A deep tree imitates this teacher well, and since the teacher is poor at its labels, so is "
    "the tree. Is the surrogate trained on what the model predicts, and is fidelity returned first?",
)
checks.expect(curve[0, 0] < 0.9, "A tree of depth 1 is a poor imitation of a ring: see `depth`.")
figure, axis = plt.subplots(figsize=(5.5, 3))
axis.plot(depths, curve[:, 0], "o-", color=BLUE, label="fidelity")
axis.plot(depths, curve[:, 1], "s--", color=ORANGE, label="accuracy")
axis.set(title="A tree imitates a poor teacher", xlabel="depth", ylabel="share", ylim=(0, 1.02))
axis.legend(loc="lower right")
plt.show()
checks.passed("distillation", "five inputs by hand, and trees of eight depths")
