# %% answer="masking" kind="alternative"
# answer: masking
found_by_pgd = attack(sure, hundred, hundred_labels, method="pgd", epsilon=0.1, steps=20)
apparent = float((found_by_pgd.predicted == hundred_labels).float().mean())
# The factor changes no decision: attack the network without it.
unmasked = attack(model, hundred, hundred_labels, "pgd", epsilon=0.1, steps=40, restarts=2)
unmasked = unmasked.adversarial.cpu().numpy()
honest = ("the robust accuracy falls", "more steps and more restarts")
suspicious = {each: not each.startswith(honest) for each in observations}


# %% answer="masking" kind="wrong"
# answer: masking
# follows the cross-entropy's gradient, which vanishes
result = attack(sure, hundred, hundred_labels, "pgd", epsilon=0.1, steps=200)
apparent = 1 - result.success.float().mean().item()
unmasked = result.adversarial
suspicious = dict.fromkeys(observations, False)


# %% answer="query" kind="alternative"
# answer: query
@torch.no_grad()
def query_attack(model, images, labels, epsilon, order):
    changed, counts = [], []
    for image, label in zip(images, labels.tolist()):
        point = image.flatten().clone()
        count = 0

        def ask(x):
            return torch.softmax(model(x.view(1, *image.shape)), dim=1)[0]

        p = ask(point)
        count += 1
        for index in order:
            if int(p.argmax()) != label:
                break
            for step in (epsilon, -epsilon):
                other_point = point.clone()
                other_point[index] = min(1.0, max(0.0, float(point[index]) + step))
                q = ask(other_point)
                count += 1
                if float(p[label] - q[label]) > 1e-4:
                    point, p = other_point, q
                    break
        changed.append(point.view(image.shape))
        counts.append(count)
    return torch.stack(changed), counts


# %% answer="query" kind="wrong"
# answer: query
def query_attack(model, images, labels, epsilon, order):
    # asks both ways for every feature, and takes the better one
    now, queries = images.clone(), torch.ones(len(images))
    with torch.no_grad():
        for feature in order.tolist():
            shown = [now]
            for way in (epsilon, -epsilon):
                tried = now.flatten(1).clone()
                tried[:, feature] = (tried[:, feature] + way).clamp(0, 1)
                shown.append(tried.view_as(now))
            p = torch.stack([model(x).softmax(1)[torch.arange(len(x)), labels] for x in shown])
            best = p.argmin(0)
            now = torch.stack(shown)[best, torch.arange(len(now))]
            queries += 2
    return now, queries
