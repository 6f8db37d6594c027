"""Hostile and unlucky submissions, graded by plain nbgrader and by us."""
