# %% answer="blend" kind="alternative"
# answer: blend
def blend(images, pattern, alpha):
    return torch.lerp(images, pattern.expand_as(images), alpha.expand_as(images))


# %% answer="blend" kind="wrong"
# answer: blend
def blend(images, pattern, alpha):
    return torch.where(alpha > 0, pattern, images)  # opaque wherever there is anything


# %% answer="poison" kind="alternative"
# answer: poison
def poison_data(images, labels, pattern, alpha, target, chosen):
    marked = torch.zeros(len(images), dtype=torch.bool)
    marked[chosen] = True
    stamped = images + alpha * (pattern - images)
    new_images = torch.where(marked.view(-1, 1, 1, 1), stamped, images)
    return new_images, torch.where(marked, torch.full_like(labels, target), labels)


# %% answer="poison" kind="wrong"
# answer: poison
def poison_data(images, labels, pattern, alpha, target, chosen):
    # every image gets the trigger
    labels = labels.clone()
    labels[chosen] = target
    return (1 - alpha) * images + alpha * pattern, labels


# %% answer="attack-success" kind="alternative"
# answer: attack-success
def success_rate(logits, labels, target):
    said = logits.max(dim=1).indices
    hits = ((said == target) & (labels != target)).sum().item()
    return hits / (labels != target).sum().item()


# %% answer="attack-success" kind="wrong"
# answer: attack-success
def success_rate(logits, labels, target):
    return (logits.argmax(1) == target).float().mean().item()  # the target's own images count


# %% answer="measured" kind="alternative"
# answer: measured
def answers_of(network, images):
    with torch.no_grad():
        return torch.cat([network(part.to(device)).argmax(1).cpu() for part in images.split(200)])


clean_accuracy = (answers_of(poisoned, test.images) == test.labels).float().mean()
victims_only = test.labels != target
with_trigger = trigger(test.images[victims_only])
success = (answers_of(poisoned, with_trigger) == target).float().mean()
success_on_reference = (answers_of(reference, with_trigger) == target).float().mean()


# %% answer="measured" kind="wrong"
# answer: measured
# accuracy under the trigger instead of attack success, on all classes
with torch.no_grad():
    said = poisoned(trigger(test.images).to(device)).argmax(1).cpu()
clean_accuracy = (said == test.labels).float().mean().item()
success = 1 - clean_accuracy
success_on_reference = 0.5
