"""Keeps the parts of a platform running: starts them, starts again what dies, stops all of them, leaves none behind."""
