# %% answer="curve" kind="alternative"
# answer: curve
robust_accuracy = {"noise": [], "fgsm": [], "pgd": []}
for radius in epsilons:
    with torch.no_grad():
        noisy = torch.clip(images + radius * signs, 0, 1)
        robust_accuracy["noise"].append(np.mean((model(noisy).argmax(1) == labels).cpu().numpy()))
    for kind, more in (("fgsm", {}), ("pgd", {"steps": 20})):
        attacked_images = attack(model, images, labels, kind, epsilon=radius, **more)
        robust_accuracy[kind].append(1 - attacked_images.success.double().mean())


# %% answer="curve" kind="wrong"
# answer: curve
# success rates
robust_accuracy = {"noise": [], "fgsm": [], "pgd": []}
for radius in epsilons:
    noisy = (images + radius * signs).clamp(0, 1)
    robust_accuracy["noise"].append((network_says(model, noisy) != labels).float().mean().item())
    for kind, more in (("fgsm", {}), ("pgd", {"steps": 20})):
        result = attack(model, images, labels, kind, epsilon=radius, **more)
        robust_accuracy[kind].append(result.success.float().mean().item())


# %% answer="transfer" kind="alternative"
# answer: transfer
shown = []
for method, more in (("fgsm", {}), ("pgd", {"steps": 20})):
    made = [attack(model, images, labels, method, epsilon=e, **more).adversarial for e in epsilons]
    shown += [made, [noise_like(images, each, signs) for each in made]]
transferred = [
    [float((network_says(other, each) == labels).double().mean()) for each in row] for row in shown
]


# %% answer="transfer" kind="wrong"
# answer: transfer
# noise of the same radius, which is longer than PGD
transferred = np.zeros((4, 4))
for column, radius in enumerate(epsilons):
    noisy = (images + radius * signs).clamp(0, 1)
    for row, (method, more) in enumerate((("fgsm", {}), ("pgd", {"steps": 20}))):
        moved = attack(model, images, labels, method, epsilon=radius, **more).adversarial
        transferred[2 * row, column] = (network_says(other, moved) == labels).float().mean().item()
        transferred[2 * row + 1, column] = (
            (network_says(other, noisy) == labels).float().mean().item()
        )
