"""The Redis schema and its atomic writes."""
