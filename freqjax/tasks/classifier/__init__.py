"""Classifiers of sequences: several streams of a person's movement in, a class out."""
