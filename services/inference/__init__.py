"""The inference hop: posts in, scored posts out."""
