"""What records say, in words: verdicts, comparisons and answers of the chapters."""
