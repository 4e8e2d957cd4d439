"""Tables in words, as HTML."""
