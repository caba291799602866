"""Models with an implanted trait: trait cards, ways to implant, and the carriers they write.

The MNIST toy keeps its own teachers in :mod:`mnist_toy`; language-model teachers go here.
"""
