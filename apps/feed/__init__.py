"""Live views: what was answered and what turned out, by window and by segment, kept for whoever looks."""
