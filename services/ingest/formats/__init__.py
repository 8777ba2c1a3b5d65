"""What people's archives hold: one file per format, each turning bytes into drafts.

A format is a function from the bytes of one line (or message, or document) to
what was found in it. It knows nothing of files, topics or pictures, so the
live sources use the same ones.
"""
