"""A mutation test of the hidden checks: reference functions, broken in one place each."""
