"""Lets the tests in the folders below import the helpers that stand beside this file."""
