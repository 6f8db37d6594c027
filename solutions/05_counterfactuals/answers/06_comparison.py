# %% answer="table" kind="alternative"
# answer: table
rows, columns = torch.nonzero(others, as_tuple=True)
found = {m: results[m].found[rows, columns] for m in methods}
all_three = torch.stack(list(found.values())).all(dim=0)
found_share = {m: float(found[m].double().mean()) for m in methods}
rows, columns = rows[all_three], columns[all_three]
median_l1, median_im1 = {}, {}
for m in methods:
    made = results[m].counterfactuals[rows, columns]
    median_l1[m] = np.sort((made - originals[rows]).abs().flatten(1).sum(1).cpu().numpy())[
        (len(rows) - 1) // 2
    ]
    ratio = []
    with torch.no_grad():
        for k in range(len(rows)):
            one = made[k : k + 1]
            errors = [
                float(((one - judges[str(int(c))](one)) ** 2).sum())
                for c in (columns[k], own[rows[k]])
            ]
            ratio.append(errors[0] / errors[1])
    median_im1[m] = sorted(ratio)[(len(ratio) - 1) // 2]


# %% answer="table" kind="wrong"
# answer: table
# all forty pairs, the image's own class among them, and each method over its own successes
found_share, median_l1, median_im1 = {}, {}, {}
for name, result in results.items():
    found_share[name] = 1 - result.found.float().mean().item()
    median_l1[name] = result.distance_l2[result.found].median().item()
    median_im1[name] = 1 + result.distance_l1[result.found].mean().item()


# %% answer="im2-flaw" kind="alternative"
# answer: im2-flaw
picture = originals[3].flip(2)
smallest = math.inf
for step in range(300):
    picture = picture.detach().requires_grad_()
    value = im2(picture[None], dress).sum()
    (slope,) = torch.autograd.grad(value, picture)
    with torch.no_grad():
        if model(picture[None]).argmax() != dress and value < smallest:
            smallest, pleasing = float(value), picture.detach()
        picture = (picture - 0.02 * (1 - step / 300) * slope.sign()).clamp(0, 1)


# %% answer="im2-flaw" kind="wrong"
# answer: im2-flaw
# a real dress: IM2 is small, and rightly so
pleasing = dresses[int(im2(dresses, dress).argmin())].detach()
