"""Names for what Reflex leaves untyped, so that page code says what it means all the same."""

from __future__ import annotations

from typing import Any

View = Any
"""A piece of a page. Reflex's element functions carry no types."""
Expression = Any
"""What the browser computes from the state (a Reflex `Var`). Its fields and operators are made at run time."""
