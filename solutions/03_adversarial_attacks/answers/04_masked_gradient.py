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
# believes the cross-entropy's gradient
result = attack(sure, hundred, hundred_labels, "pgd", epsilon=0.1, steps=200)
apparent = 1 - result.success.float().mean().item()
unmasked = result.adversarial
suspicious = dict.fromkeys(observations, False)
