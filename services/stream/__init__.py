"""Streams of records: the port, its drivers, the worker loop, dead letters."""
