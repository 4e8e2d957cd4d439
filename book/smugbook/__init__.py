"""The workshop of the book: the paper's settings, experiments, words and pages."""
