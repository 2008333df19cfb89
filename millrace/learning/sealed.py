"""A sealed state: header, signature, parts. Checkpoints and snapshots share the form (docs/wire.md).

Nothing is unpickled before the signature and every part's hash held, and then only classes of an allow-list.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from collections.abc import Callable, Mapping
from hashlib import sha256
from types import BuiltinMethodType, MethodType
from typing import Any, Literal

import msgspec

from millrace.domain.errors import Untrusted

MAGIC = b"MILL1\n"
SIGNATURE_BYTES = 64

MODEL = "model:"
"""Prefix of the parts that hold one candidate's model each."""
SERVING = "serving"
"""The part with what else serving needs: profiles, champion, newest events."""
LEARNING = "learning"
"""The part with what only learning needs: ledger, scores, clock. A snapshot lacks it."""

Verify = Callable[[bytes, bytes], None]
"""Takes a message and its signature; raises `Untrusted` when the signature does not hold."""
Sign = Callable[[bytes], bytes]


class Part(msgspec.Struct, frozen=True):
    """Where a part lies: its length in bytes and its SHA-256, in hex."""

    name: str
    length: int
    sha256: str


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a sealed state says of itself. Signed."""

    kind: Literal["checkpoint", "snapshot"]
    use_case: str
    shard: int
    epoch: int
    offset: int
    state_id: str
    champion: str | None
    trained_until: str | None
    stream_time: str | None
    use_case_hash: str
    environment: dict[str, str]
    events: int
    digest: str | None = None
    chain: str | None = None
    cluster_id: str | None = None
    positions: dict[str, int] = {}
    sequences: dict[str, int] = {}
    use_case_parts: dict[str, str] = {}
    parts: list[Part] = []


def seal(header: Header, parts: Mapping[str, bytes], sign: Sign) -> bytes:
    """Return a sealed state."""
    listed = [Part(name, len(data), sha256(data).hexdigest()) for name, data in parts.items()]
    signed = msgspec.json.encode(msgspec.structs.replace(header, parts=listed))
    return b"".join([MAGIC, len(signed).to_bytes(4, "big"), signed, sign(signed), *parts.values()])


def peek(data: bytes) -> Header:
    """Return the header without verifying anything; raise `Untrusted` when the form is wrong."""
    return _header(_split(data)[0])


def unseal(data: bytes, verify: Verify) -> tuple[Header, dict[str, bytes]]:
    """Return header and parts once signature and hashes held; raise `Untrusted`, saying what did not."""
    signed, signature, rest = _split(data)
    verify(signed, signature)
    header = _header(signed)
    parts: dict[str, bytes] = {}
    for part in header.parts:
        body, rest = rest[: part.length], rest[part.length :]
        if sha256(body).hexdigest() != part.sha256:
            raise Untrusted(
                f"part {part.name!r} of {header.state_id} is torn or changed: its hash is not the signed one"
            )
        parts[part.name] = bytes(body)
    if rest:
        raise Untrusted(f"{len(rest)} bytes follow the last part of {header.state_id}")
    return header, parts


def _split(data: bytes) -> tuple[bytes, bytes, memoryview]:
    start = len(MAGIC) + 4
    length = int.from_bytes(data[len(MAGIC) : start], "big")
    end = start + length
    if data[: len(MAGIC)] != MAGIC or len(data) < end + SIGNATURE_BYTES:
        raise Untrusted("this is not a sealed state, or only a piece of one")
    return data[start:end], data[end : end + SIGNATURE_BYTES], memoryview(data)[end + SIGNATURE_BYTES :]


def _header(signed: bytes) -> Header:
    try:
        return msgspec.json.decode(signed, type=Header)
    except msgspec.MsgspecError as error:
        raise Untrusted(f"the header of this sealed state does not read: {error}") from error


_PACKAGES = frozenset({"river", "millrace"})
_NAMES = {
    "builtins": frozenset(
        "bool bytearray bytes complex dict float frozenset int list object range set slice str tuple".split()  # noqa: SIM905
    ),
    "collections": frozenset({"Counter", "OrderedDict", "defaultdict", "deque"}),
    "copyreg": frozenset({"_reconstructor"}),
    "datetime": frozenset({"date", "datetime", "timedelta", "timezone"}),
    "functools": frozenset({"partial"}),
    "random": frozenset({"Random"}),
    "statistics": frozenset({"NormalDist"}),  # what River's adaptive regression tree compares branches by
    "numpy": frozenset({"dtype", "ndarray", "float64", "int64"}),
    "numpy.core.multiarray": frozenset({"_reconstruct", "scalar"}),
    "numpy._core.multiarray": frozenset({"_reconstruct", "scalar"}),
    "numpy.random._pickle": frozenset({"__randomstate_ctor", "__bit_generator_ctor", "__generator_ctor"}),
    "numpy.random._mt19937": frozenset({"MT19937"}),
    "numpy.random._pcg64": frozenset({"PCG64"}),
    "msgspec._utils": frozenset({"rebuild"}),  # makes a struct of a class that was found here
    "operator": frozenset({"attrgetter", "itemgetter"}),
}
"""Classes a state may hold, besides those of River, of Millrace and of the use case's own module."""


class _AllowList(pickle.Unpickler):
    """Unpickles known classes only. `earlier`: those of an earlier text of the use case's file are taken for this one's."""

    def __init__(self, file: io.BytesIO, own_module: str, *, earlier: bool) -> None:
        super().__init__(file)
        self._own_module = own_module
        self._earlier = earlier

    def find_class(self, module: str, name: str) -> Any:
        """Return a class, or a function of one, that may be there; raise `Untrusted` for anything else."""
        if self._earlier and _of_the_same_file(module, self._own_module):
            module = self._own_module
        ours = module.partition(".")[0] in _PACKAGES
        if not (ours or module == self._own_module or name in _NAMES.get(module, ())):
            raise Untrusted(f"a state may not hold {module}.{name}")
        found = super().find_class(module, name)
        if (ours or "." in name) and not _belongs(found):
            raise Untrusted(f"{module}.{name} belongs to neither River nor Millrace: a state may not hold it")
        return found


def _belongs(found: Any) -> bool:
    """Tell whether what was found is the package's own: `river.x.os.system` would be reached through it, not be its."""
    return str(getattr(found, "__module__", "")).partition(".")[0] in _PACKAGES


def _of_the_same_file(module: str, own_module: str) -> bool:
    """Tell whether two modules are texts of one file: they are named `case_<file>_<hash of the text>`."""
    stem, _, digest = module.rpartition("_")
    return stem.startswith("case_") and stem == own_module.rpartition("_")[0] and len(digest) == 12


def load(part: bytes, own_module: str, *, earlier: bool = False) -> Any:
    """Unpickle a part of a verified state; `earlier` lets it be of an earlier text of the use case's own file."""
    return _AllowList(io.BytesIO(part), own_module, earlier=earlier).load()


def dump(obj: Any) -> bytes:
    """Pickle a part."""
    out = io.BytesIO()
    pickler = pickle.Pickler(out, protocol=5)
    pickler.dispatch_table = _REDUCED
    pickler.dump(obj)
    return out.getvalue()


DRAWS = frozenset({"gauss", "random", "uniform"})
"""Methods of a random generator that a state may hold; River's k-means places new features by one."""


def _is_generator(it: object) -> bool:
    """Tell whether it is Python's own random generator, as the allow-list does: by name, for nothing is drawn here."""
    return (type(it).__module__, type(it).__qualname__) == ("random", "Random")


def draws_of(rng: Any, name: str) -> Any:
    """Return one of a generator's own methods. Pickle would fetch it by `getattr`, which the allow-list must not know."""
    if not _is_generator(rng) or name not in DRAWS:
        raise Untrusted(f"a state may hold a generator's {', '.join(sorted(DRAWS))}, not {type(rng).__name__}.{name}")
    return getattr(rng, name)


def _reduced(method: MethodType) -> tuple[Any, ...]:
    if _is_generator(method.__self__):
        return draws_of, (method.__self__, method.__name__)
    return method.__reduce__()  # type: ignore[return-value]


_REDUCED = {**copyreg.dispatch_table, MethodType: _reduced, BuiltinMethodType: _reduced}
