"""The aggregation hop: scored posts in, rolling sentiment per topic out."""
