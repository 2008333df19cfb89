"""Changes to what Reflex generates."""

from __future__ import annotations

from reflex_base.plugins import Plugin
from reflex_base.plugins.base import PreCompileContext
from typing_extensions import Unpack

STATE_JS = "utils/state.js"
_HOST = "    endpoint.hostname = frontend_hostname;\n"
_PORT = "    endpoint.port = window.location.port;\n"
_NO_PORT = '      endpoint.port = ""; // Assume websocket is on https port via load balancer.\n'


class SamePort(Plugin):
    """Lets the built pages call the server they came from.

    Reflex writes a fixed port into the bundle; the pages would then work on that port only. They are always served by
    the process that also takes their calls, so the browser's own address is the right one, whatever it is.
    """

    def pre_compile(self, **context: Unpack[PreCompileContext]) -> None:
        """Have the generated file changed."""
        context["add_modify_task"](STATE_JS, same_port)


def same_port(script: str) -> str:
    """Make the script take host and port from the browser's address; raise when it is not as expected."""
    if _PORT in script:
        return script
    if _HOST not in script or _NO_PORT not in script:
        raise RuntimeError(f"Reflex's {STATE_JS} is not as this plugin expects it: look at SamePort after an upgrade")
    return script.replace(_HOST, _HOST + _PORT).replace(_NO_PORT, "")
