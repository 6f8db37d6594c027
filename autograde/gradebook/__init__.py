"""nbgrader's gradebook and folders: marks go in, marks given by hand come back."""
