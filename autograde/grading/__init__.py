"""One submission from bytes to marks, and the workers that do it for a class."""
