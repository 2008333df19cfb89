"""What explains values that name their schema: a registry, and what it said, kept."""
