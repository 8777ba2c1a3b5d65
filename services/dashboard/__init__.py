"""The dashboard hop: a read-only HTTP API over the store, live events, and the page on top."""
