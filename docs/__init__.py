"""The course site: what its pages are made from, and ``python -m docs``, which builds it."""
