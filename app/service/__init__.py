"""What stands between one model and the many who ask it: a queue, its measures, and the HTTP service's guards."""
