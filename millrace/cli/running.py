"""Runs a platform under a supervisor, and keeps what `millrace status` reads."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from millrace.cli.screen import Screen
from millrace.runtime.home import Home, PartStanding, Standing
from millrace.runtime.parts import PREFIX, Platform, Wishes, platform
from millrace.runtime.reservations import Reservations
from millrace.runtime.settings import Connections
from millrace.runtime.supervision.supervisor import Happening, Supervisor

if TYPE_CHECKING:
    from millrace.cli.given import Given


def run(wishes: Wishes) -> None:
    """Run a platform until Ctrl-C; return when all of it has ended. Raises `AlreadyRunning`."""
    home = Home(wishes.home)
    with home.claim(), Reservations() as reserved:
        made = platform(wishes, home.ports(wishes.usual_ports(), wishes.ports, reserved.take))
        asyncio.run(_supervise(home, made, wishes))


async def _supervise(home: Home, made: Platform, wishes: Wishes) -> None:
    screen = Screen(made, wishes)

    def tell(happening: Happening) -> None:
        screen.happened(happening)
        home.write(standing())

    supervisor = Supervisor(made.parts, home.logs, tell)
    standing = _writer(made, supervisor)
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(each, _stop, supervisor, screen)
    with screen.showing(supervisor.children):
        watching = asyncio.create_task(_watch_given(made, wishes, tell))
        try:
            await supervisor.run()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def _watch_given(made: Platform, wishes: Wishes, tell: Callable[[Happening], None]) -> None:
    """Tell how the servers are that we were given and do not run."""
    if wishes.kafka in ("", "local") and not (wishes.s3 or wishes.redis or wishes.mlflow):
        return
    # In a thread: clients take a second to import, and parts are being started meanwhile.
    given = await asyncio.to_thread(_given, made, wishes, tell)
    await given.watch()


def _given(made: Platform, wishes: Wishes, tell: Callable[[Happening], None]) -> Given:
    from millrace.cli.given import Given

    names = ("kafka", "s3_endpoint", "redis", "mlflow")
    where = {name: made.environment[f"{PREFIX}{name.upper()}"] for name in names}
    return Given(wishes, Connections.model_validate(where), tell)


def _stop(supervisor: Supervisor, screen: Screen) -> None:
    screen.stopping()
    supervisor.stop()


def _writer(made: Platform, supervisor: Supervisor) -> Callable[[], Standing]:
    """Return a function that says how the platform is."""
    started = datetime.now(UTC).isoformat(timespec="seconds")

    def standing() -> Standing:
        return Standing(
            pid=os.getpid(),
            guard=supervisor.guard.pid,
            started_at=started,
            environment=made.environment,
            parts=[
                PartStanding(
                    name=child.part.name,
                    address=child.part.address,
                    pid=child.pid,
                    state=child.state,
                    restarts=max(0, child.restarts),
                    log=str(child.log),
                    health=child.part.health,
                    why=child.why,
                )
                for child in supervisor.children
            ],
        )

    return standing
