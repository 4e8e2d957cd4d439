"""Benchmark of the library against its peers and its own floor: ``python -m smugbench``.

The peers (deepinv, sigpy, BART) are dependencies of this package alone: the library never imports
them, and one that is not installed is left out with a line that says so.
"""
