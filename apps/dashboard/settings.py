"""What the pages are told."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field

from millrace.runtime.settings import Connections


class DashboardSettings(Connections):
    """Where the API is, and where the pages are served."""

    api: str = Field("http://127.0.0.1:8080", description="URL of the API the pages ask.")
    api_timeout: float = Field(5.0, gt=0, description="Seconds to wait for an answer of the API.")
    dashboard_host: str = Field("127.0.0.1", description="Address the pages are served on.")
    dashboard_port: int = Field(3000, ge=1, le=65535, description="Port the pages are served on.")
    dashboard_health_port: int = Field(
        8040, ge=0, le=65535, description="Port of /livez, /readyz and /metrics: none that visitors of the pages reach."
    )
    pages: Path | None = Field(None, description="Folder of the built pages; by default `pages` under the home.")
    poll_seconds: float = Field(
        1.0, gt=0, description="Seconds between two looks at the API, for all viewers together."
    )

    def pages_folder(self) -> Path:
        """Return the folder the pages are built in and served from, absolute."""
        return (self.pages or self.home / "pages").absolute()


@cache
def settings() -> DashboardSettings:
    """Return this process's settings, read once."""
    return DashboardSettings.model_validate({})
