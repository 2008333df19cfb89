"""`millrace new`: writes the file of a use case that runs at once.

`topics.of_topics` is not offered here: it needs a client of the log, and files do not.
"""

from millrace.drafting.basis import Basis, of_files
from millrace.drafting.columns import Column, Wishes
from millrace.drafting.text import draft

__all__ = ["Basis", "Column", "Wishes", "draft", "of_files"]
