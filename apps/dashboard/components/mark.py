"""The product's mark, carried by the pages themselves: no request that leaving a page could cut off."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

_FILE = Path(__file__).parents[1] / "assets" / "mark.svg"

MARK = f"data:image/svg+xml,{quote(_FILE.read_text(encoding='utf-8'))}"
"""As a data URL."""
