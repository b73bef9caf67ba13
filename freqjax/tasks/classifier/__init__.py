"""Classifiers of sequences: several streams of numbers, such as of a person's movement, in; a class out.

Axes: N windows, T samples, F channels of a modality, C classes.
"""
