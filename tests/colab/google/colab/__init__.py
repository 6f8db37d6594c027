"""Colab's package, as far as the course asks for it: Colab's kernels import it at their start."""
