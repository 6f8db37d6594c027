"""Release notebooks, grade submissions, hand back marks; knows no course."""
