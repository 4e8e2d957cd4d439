"""The pages of the pipeline's steps."""
