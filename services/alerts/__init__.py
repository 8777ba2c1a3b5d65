"""The alerts hop: closed panes in; who should know, and why, out."""
