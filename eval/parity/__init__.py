"""Do we compute what the published code computes? Cases of its own outputs, found in a folder."""
