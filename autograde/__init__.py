"""Release notebooks, grade submissions, return marks; this package knows no course."""
