"""Pictures of posts, for those who look at them later: from the stream, or from a shelf on disk."""
