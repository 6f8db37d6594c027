"""Learning management systems: what their downloads look like, what they take back."""
