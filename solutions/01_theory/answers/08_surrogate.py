# %% answer="repair-cross-entropy" kind="alternative"
# answer: repair-cross-entropy
def cross_entropy(teacher, student):
    return sum(-(q @ np.log(p)) for q, p in zip(teacher, student)) / len(teacher)


# %% answer="repair-cross-entropy" kind="wrong"
# answer: repair-cross-entropy
def cross_entropy(teacher, student):
    # The Kullback-Leibler divergence: the same minimum, another value.
    return (teacher * np.log(teacher / student)).sum(axis=1).mean()


# %% answer="distillation" kind="alternative"
# answer: distillation
def distil(model, train, train_labels, test, test_labels, depth):
    def predict(inputs):
        return model(inputs).max(dim=1).indices.numpy()

    tree = DecisionTreeClassifier(max_depth=depth, random_state=0)
    tree.fit(train, predict(train))
    return [tree.score(test, predict(test)), tree.score(test, test_labels)]


# %% answer="distillation" kind="wrong"
# answer: distillation
def distil(model, train, train_labels, test, test_labels, depth):
    tree = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(train, train_labels)
    with torch.no_grad():
        taught = model(test).argmax(1)
    return tree.score(test, taught), tree.score(test, test_labels)
