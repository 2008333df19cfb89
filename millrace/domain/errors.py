"""What can go wrong, as one small tree. Each error says what was wrong, with the value, and what to do."""

from __future__ import annotations


class MillraceError(Exception):
    """Anything Millrace raises on purpose.

    `status` is the HTTP status an API answers with; `kind` names the error in problem documents,
    dead letters and metrics.
    """

    status = 500
    kind = "internal"


class Refused(MillraceError):
    """Input that cannot be taken as it is.

    `field` names the offending field where there is one.
    """

    status = 422
    kind = "invalid"

    def __init__(self, message: str, *, field: str | None = None, kind: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        if kind is not None:
            self.kind = kind


class UseCaseError(MillraceError):
    """A use case that is wrong in itself: an unknown field in `by=`, no candidate, a bad duration."""

    kind = "use-case"


class UnknownUseCase(MillraceError):
    """A use case nobody defined."""

    status = 404
    kind = "unknown-use-case"


class NotReady(MillraceError):
    """Something that is not there yet and may come: no model published, a store that does not answer."""

    status = 503
    kind = "not-ready"


class Untrusted(MillraceError):
    """A sealed state whose signature or content does not hold. It is never unpickled."""

    kind = "untrusted-state"


class IncompatibleState(MillraceError):
    """A state another use-case file, library or machine wrote."""

    kind = "incompatible-state"


class BrokenChain(MillraceError):
    """A journal that does not continue, or a replay that came out differently."""

    kind = "broken-chain"


class HistoryLost(MillraceError):
    """Records that a state needs and the log no longer keeps."""

    kind = "history-lost"


class Fenced(MillraceError):
    """Another owner took the shard over; everything this one holds is to be thrown away."""

    kind = "fenced"


class CommitFailed(MillraceError):
    """A transaction that did not, or may not have, committed.

    `retriable` says that sending the same records again is safe.
    """

    kind = "commit-failed"

    def __init__(self, message: str, *, retriable: bool) -> None:
        super().__init__(message)
        self.retriable = retriable


class Unreachable(MillraceError):
    """A service that does not answer: the log, the object store, the registry, the online store."""

    status = 503
    kind = "unreachable"


class SettingsError(MillraceError):
    """A setting that is unknown or impossible."""

    kind = "settings"
