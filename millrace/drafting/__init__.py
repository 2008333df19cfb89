"""`millrace new`: writes the file of a use case that runs at once."""

from millrace.drafting.columns import Column, Wishes, labels_looked_at, looked_at
from millrace.drafting.mapping import Labelled
from millrace.drafting.reading import look
from millrace.drafting.text import draft

__all__ = ["Column", "Labelled", "Wishes", "draft", "labels_looked_at", "look", "looked_at"]
