"""Receivers of alerts, one file each. `port.py` says what a receiver is."""
