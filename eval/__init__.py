"""Evaluation: free generation, integer counts, rules that are written down."""
