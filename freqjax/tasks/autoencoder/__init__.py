"""Autoencoders of sequences: word vectors, or any others, through a small code and back.

Axes: N sequences, T samples, D dimensions, V rows of the vocabulary, K numbers of a code.
"""
