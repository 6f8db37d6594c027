"""The facts that every room shares: the course and the records of grading."""
