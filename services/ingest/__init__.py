"""The ingest hop: posts of live sources and archives in, records on `posts` out."""
