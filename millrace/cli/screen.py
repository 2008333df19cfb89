"""What `millrace up` shows: progress while it starts, then one line a part, then what happens."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from millrace.cli.consoles import OUT
from millrace.cli.secrets import without_password
from millrace.runtime.parts import Platform, Wishes
from millrace.runtime.status import resolved
from millrace.runtime.supervision.child import Child
from millrace.runtime.supervision.logfiles import last_line
from millrace.runtime.supervision.supervisor import Happening

_COLOURS = {"ready": "green", "died": "red", "unwell": "red", "killed": "red", "not ready": "yellow", "said": "cyan"}
_NOTES = {"log": "in memory only: a restart of it begins a new epoch"}
_SLOW = 15.0
"""Seconds after which a part that is still starting shows what keeps it, or its last log line."""


class Screen:
    """One terminal, or one stream of plain lines."""

    def __init__(self, made: Platform, wishes: Wishes, console: Console = OUT) -> None:
        self._made = made
        self._wishes = wishes
        self._console = console
        self._children: Sequence[Child] = ()
        self._began = time.monotonic()
        self._complete = False
        self._live: Live | None = None

    @contextlib.contextmanager
    def showing(self, children: Sequence[Child]) -> Iterator[None]:
        """Show how parts are while they start."""
        self._children = children
        self._say(
            f"Millrace, learning {', '.join(self._wishes.names())}; state and logs in {escape(str(self._wishes.home))}"
        )
        if self._console.is_terminal:
            self._live = Live(
                console=self._console, get_renderable=self._progress, refresh_per_second=8, transient=True
            )
            self._live.start()
        try:
            yield
        finally:
            self._end_progress()

    def happened(self, it: Happening) -> None:
        """Show what happened, when it is news: on a terminal the progress table says what goes as it should."""
        watched = self._live is not None and it.what in ("starting", "ready", "not ready") and not it.detail
        if not watched:
            colour = _COLOURS.get(it.what, "default")
            detail = f"  {escape(it.detail)}" if it.detail else ""
            self._say(f"{self._seconds()}  {it.part:<12} [{colour}]{it.what}[/]{detail}")
        if not self._complete and self._children and all(child.state == "ready" for child in self._children):
            self._complete = True
            self._end_progress()
            self._summary()

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._end_progress()
        self._say(f"{self._seconds()}  stopping: producers first, the trainer leaves a last checkpoint …")

    def _progress(self) -> Group:
        table = Table.grid(padding=(0, 2))
        for child in self._children:
            mark = Text("✓", "green") if child.state == "ready" else Spinner("dots")
            table.add_row(
                mark, child.part.name, Text(child.state), Text(self._beside(child), "dim", overflow="ellipsis")
            )
        ready = sum(child.state == "ready" for child in self._children)
        return Group(table, Text(f"{ready} of {len(self._children)} parts ready after {self._seconds().strip()}"))

    def _beside(self, child: Child) -> str:
        late = time.monotonic() - self._began > _SLOW
        return (
            (child.why or last_line(child.log))[:160]
            if late and child.state != "ready"
            else resolved(child.part.address)
        )

    def _summary(self) -> None:
        table = Table.grid(padding=(0, 2))
        for child in self._children:
            note = _NOTES.get(child.part.name, "")
            table.add_row("", child.part.name, resolved(child.part.address), Text(note, "dim"))
        for name in ("kafka", "s3", "redis", "mlflow"):
            given = getattr(self._wishes, name)
            if given and given != "local":
                table.add_row("", name, without_password(given), Text("given, not run by us", "dim"))
        self._say(f"All {len(self._children)} parts are ready after {self._seconds().strip()}.")
        self._say(table)
        self._say(self._invitation())

    def _invitation(self) -> str:
        uc = f"{self._made.api}/v1/use-cases/{self._wishes.names()[0]}"
        pages = f"Pages   {self._made.dashboard}\n" if self._made.dashboard else ""
        # The root leads to the pages of any Prometheus; Debian's has them elsewhere than others.
        watch = f"Watch   {self._made.prometheus}  Prometheus, with the alerts\n" if self._made.prometheus else ""
        return (
            f"\n{pages}{watch}API     {self._made.api}/openapi.json\n"
            f"Try     curl -s {uc}/example | curl -s {uc}/predict -H 'content-type: application/json' -d @-\n"
            "Stop    Ctrl-C\n"
        )

    def _seconds(self) -> str:
        return f"{time.monotonic() - self._began:6.1f} s"

    def _end_progress(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            with contextlib.suppress(OSError):
                live.stop()

    def _say(self, what: object) -> None:
        # The terminal may have been closed: that must not keep the supervisor from stopping its parts.
        with contextlib.suppress(OSError):
            self._console.print(what, soft_wrap=True)
