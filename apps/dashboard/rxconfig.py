"""Reflex's own settings. The folder the pages are built in holds a copy of this file."""

import reflex as rx

from apps.dashboard.plugins import SamePort

config = rx.Config(
    app_name="millrace_pages",
    app_module_import="apps.dashboard.app",
    state_manager_mode=rx.constants.StateManagerMode.MEMORY,
    telemetry_enabled=False,
    show_built_with_reflex=False,
    plugins=[SamePort()],
    disable_plugins=[rx.plugins.SitemapPlugin],
)
