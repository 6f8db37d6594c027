"""Release notebooks, grade submissions, return marks; no particular course is built in."""
