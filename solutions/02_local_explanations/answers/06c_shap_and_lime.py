# %% answer="shap-segments" kind="alternative"
# answer: shap-segments
def shap_of_segments(model, image, target, segments, baseline, samples):
    count = len(segments.unique())
    place = segments.flatten()

    def outputs(rows):
        shown = []
        for row in torch.tensor(rows, dtype=image.dtype):
            mask = row[place].view(segments.shape)
            shown.append(mask * image + (1 - mask) * baseline)
        return model(torch.stack(shown)).detach().numpy()

    explainer = shap.KernelExplainer(outputs, np.zeros((1, count)))
    found = explainer.shap_values(np.ones(count), nsamples=samples, l1_reg=False, silent=True)
    return found[:, target]


# %% answer="shap-segments" kind="wrong"
# answer: shap-segments
def shap_of_segments(model, image, target, segments, baseline, samples):
    # shap's default leaves all but ten segments out
    count = int(segments.max()) + 1

    def outputs(rows):
        visible = torch.as_tensor(rows).bool()[:, segments]
        with torch.no_grad():
            return model(torch.where(visible[:, None], image, baseline))[:, target].numpy()

    explainer = shap.KernelExplainer(outputs, np.zeros((1, count)))
    return explainer.shap_values(np.ones((1, count)), nsamples=samples, silent=True)[0]


# %% answer="lime-segments" kind="alternative"
# answer: lime-segments
def lime_of_segments(model, image, target, segments, samples):
    def outputs(pictures):
        grey = torch.tensor(pictures.mean(3), dtype=torch.float32)
        return model(grey[:, None]).detach()[:, [target]].numpy()

    picture = image[0].numpy().astype(float)
    default = LimeImageExplainer().explain_instance(picture, outputs, labels=[0], num_samples=1)
    found = LimeImageExplainer(feature_selection="none").explain_instance(
        picture,
        outputs,
        labels=[0],
        top_labels=None,
        hide_color=0,
        num_samples=samples,
        segmentation_fn=lambda coloured: segments.numpy(),
        random_seed=1,
    )
    weights = np.zeros(int(segments.max()) + 1)
    for number, weight in found.local_exp[0]:
        weights[number] = weight
    return weights, int(default.segments.max()) + 1


# %% answer="lime-segments" kind="wrong"
# answer: lime-segments
def lime_of_segments(model, image, target, segments, samples):
    # hidden segments show their mean colour, and the weights stand in the order of their size
    def outputs(pictures):
        batch = torch.as_tensor(pictures).float().movedim(-1, 1)[:, :1]
        return model(batch).detach().numpy()

    found = LimeImageExplainer(random_state=0).explain_instance(
        image[0].double().numpy(),
        outputs,
        labels=(target,),
        top_labels=None,
        num_samples=samples,
        segmentation_fn=lambda _: segments.numpy(),
    )
    weights = [weight for _, weight in found.local_exp[target]]
    return torch.tensor(weights), len(np.unique(found.segments))


# %% answer="silently-wrong" kind="alternative"
# answer: silently-wrong
apart, maps = {}, {}
for Method in (InputXGradient, IntegratedGradients, GuidedBackprop, DeepLift):
    here = [
        Method(each).attribute(examples[0:1].clone(), target=torch.tensor([predicted])).squeeze()
        for each in (model, rewritten)
    ]
    maps[Method.__name__] = [each.detach().cpu().numpy() for each in here]
maps["DeepExplainer"] = []
for each in (model, rewritten):
    values = shap.DeepExplainer(each, five_images).shap_values(
        examples[0:1], check_additivity=False
    )
    maps["DeepExplainer"].append(np.asarray(values)[0, 0, :, :, predicted])
for key, (one, other) in maps.items():
    apart[key] = np.max(np.abs(one - other)) / np.max(np.abs(one))


def f(batch):
    return model(batch)[:, predicted].mean().item()


ways = [f(examples[:1]) - f(examples[:1] * 0), f(examples[:1]) - f(five_images)]
missing = [
    [abs(found.sum() - way) / abs(way) for found in maps[key]]
    for key, way in zip(("DeepLift", "DeepExplainer"), ways)
]
computed = {
    "GuidedBackprop": "gradient",
    "DeepLift": "input x gradient",
    "DeepExplainer": "none of these",
}


# %% answer="silently-wrong" kind="wrong"
# answer: silently-wrong
# as the names promise
apart = dict.fromkeys(
    ("InputXGradient", "IntegratedGradients", "GuidedBackprop", "DeepLift", "DeepExplainer"), 0.0
)
missing = torch.zeros(2, 2)
computed = {
    "GuidedBackprop": "none of these",
    "DeepLift": "none of these",
    "DeepExplainer": "integrated gradients",
}
