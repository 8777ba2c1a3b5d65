"""The pipeline: ingest, inference, aggregation, each one folder and one process."""
