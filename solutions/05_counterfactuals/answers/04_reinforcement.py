# %% answer="ddpg" kind="alternative"
# answer: ddpg
def losses(value, predicted, targets, value_now, x, rebuilt, alpha):
    reward = torch.where(predicted == targets, 1.0, 0.0)
    distance = torch.linalg.vector_norm(x - rebuilt, ord=1, dim=1)
    return nn.functional.mse_loss(value, reward), (alpha * distance - value_now).mean()


# %% answer="ddpg" kind="wrong"
# answer: ddpg
def losses(value, predicted, targets, value_now, x, rebuilt, alpha):
    # the actor descends the critic instead of climbing it
    reward = (predicted == targets).float()
    critic = (value - reward).square().mean()
    return critic, value_now.mean() + alpha * (x - rebuilt).abs().sum(1).mean()


# %% answer="needs" kind="alternative"
# answer: needs
needs = {
    name: "predictions" if name == "rl" else "gradient" for name in ("wachter", "prototype", "rl")
}
cost = dict(wachter="search", prototype="search", rl="one pass")


# %% answer="needs" kind="wrong"
# answer: needs
needs = {"wachter": "gradient", "prototype": "predictions", "rl": "gradient"}
cost = {"wachter": "one pass", "prototype": "one pass", "rl": "search"}
