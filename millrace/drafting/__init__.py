"""`millrace new`: writes the file of a use case that runs at once."""

from millrace.drafting.columns import Column, Wishes, looked_at
from millrace.drafting.text import draft

__all__ = ["Column", "Wishes", "draft", "looked_at"]
