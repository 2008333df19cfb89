"""The typeface, from its npm package: no other host is asked for it."""

from __future__ import annotations

import reflex as rx

INTER = "@fontsource-variable/inter@5.2.8"


class Font(rx.Fragment):  # type: ignore[misc]
    """Imports Inter (SIL Open Font License) for every page."""

    def add_imports(self) -> dict[str, str]:
        """Import the typeface's style sheet for its effect."""
        return {"": "@fontsource-variable/inter/index.css"}

    lib_dependencies: list[str] = [INTER]  # noqa: RUF012 - a field of Reflex's component, not a shared default


font = Font.create
