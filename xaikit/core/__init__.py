"""What explain, attack, detect, counterfactual and the metrics share."""
