"""Local servers that stand in for the outside world, with faults on demand."""
