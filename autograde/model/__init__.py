"""The facts that every package shares: the course and the records of grading."""
