"""Colab's situation, built here, and the notebooks' solutions in it."""
