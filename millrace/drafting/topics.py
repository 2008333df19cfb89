"""What a use case on topics is drafted from: their newest records, and what those say of events and the truth of them."""

from __future__ import annotations

from collections.abc import Sequence

from millrace.adapters.bus.port import Bus
from millrace.adapters.schemas.registry import SchemaRegistry
from millrace.domain.errors import Refused
from millrace.drafting.basis import Basis, Labelled
from millrace.drafting.columns import LINE, Column, Rows, Wishes, labels_looked_at, looked_at
from millrace.drafting.pairing import Pair, paired
from millrace.drafting.reading import Looked
from millrace.drafting.sampling import CHANGED_AT, Sampled, sampled
from millrace.drafting.spans import waits
from millrace.drafting.values import is_nothing, kind_of

TRUTHS = ("number", "whole", "yes-no")
"""What can be learnt."""


async def of_topics(
    bus: Bus, registry: SchemaRegistry | None, events: str, labels: str | None, wishes: Wishes, newest: int
) -> Basis:
    """Return what the newest records of a topic say, with those of a second one that has the truth.

    Without a second one, the label is a later record of the same topic: one in which a field is known that was not. Raises
    `Refused` where nothing can be learnt of them, `NotReady` and `Unreachable` where log or registry do not answer.
    """
    first = await sampled(bus, registry, events, newest)
    _refuse_unknown(first, wishes.later)
    if labels is None or labels == events:
        return _of_one(first, wishes)
    return _of_two(first, await sampled(bus, registry, labels, newest), wishes)


def _refuse_unknown(events: Sampled, later: Sequence[str]) -> None:
    """Raise `Refused` for a field that is to be left out and is not there: a wrong name would let it in."""
    fields = dict.fromkeys(name for row in events.rows for name in row)
    for name in later:
        if name not in fields:
            raise Refused(f"{events.topic.name} has no field {name!r}; it has: {', '.join(fields)}", field=name)


def _of_two(events: Sampled, labels: Sampled, wishes: Wishes) -> Basis:
    rows, truths = events.of_ops("cr"), labels.of_ops("cru")
    pair = paired(rows, truths, wishes)
    if pair is None:
        raise Refused(
            f"of the newest {labels.records:,} records of {labels.topic.name} none names one of the newest {events.records:,} "
            f"of {events.topic.name} by a field that tells records apart; read more, as in --records {10 * events.records}, "
            f"or name the two fields with --id and --of. A stream whose records have no id needs one: in a field, or as their key"
        )
    columns = _of_events(rows, wishes, pair)
    labelled = _waited(rows, columns, truths, _of_labels(labels, "cru", truths, columns, wishes, pair))
    return Basis(Looked(events.by_ops("cr"), rows), columns, labelled, wishes, (events.words, labels.words))


def _of_one(events: Sampled, wishes: Wishes) -> Basis:
    """Return what a topic says in which a later record tells what an earlier one did not know."""
    for target in [wishes.target] if wishes.target else _may_be_truths(events.rows):
        rows = [it for it in events.of_ops("cr") if is_nothing(it.get(target))]
        truths = [it for it in events.of_ops("u") if not is_nothing(it.get(target))]
        pair = paired(rows, truths, wishes, same=True) if rows and truths else None
        if pair is not None:
            its = wishes._replace(target=target)
            columns = _of_events(rows, its, pair)
            labelled = _of_labels(events, "u", truths, columns, its, pair, wishes.target is None)
            labelled = _waited(rows, columns, truths, labelled)
            return Basis(Looked(events.by_ops("cr"), rows), columns, labelled, wishes, (events.words,))
    what = wishes.target or "anything that can be learnt"
    raise Refused(
        f"the newest {events.records:,} records of {events.topic.name} do not tell {what} of an event later than the event: "
        f"name the topic that does, as in --labels-topic TOPIC, or the field to learn, as in --target FIELD"
    )


def _may_be_truths(rows: Rows) -> list[str]:
    """Return fields that are known in some records and not in others, the last of them first."""
    fields = [it for it in dict.fromkeys(name for row in rows for name in row) if not it.startswith("$")]
    return [it for it in reversed(fields) if _is_known_at_times(rows, it)]


def _is_known_at_times(rows: Rows, name: str) -> bool:
    known = [it for row in rows if not is_nothing(it := row.get(name))]
    return 0 < len(known) < len(rows) and kind_of(name, known) in TRUTHS


def _of_events(rows: Rows, wishes: Wishes, pair: Pair) -> list[Column]:
    """Return what the fields of events are for; what none of them knows, and what stands beside their values, is no field."""
    known = {name for row in rows for name, it in row.items() if not is_nothing(it)}
    told = [{name: it for name, it in row.items() if name in known} for row in rows]
    its = wishes._replace(id=pair.id, target=None, known_at=None)
    its = its._replace(later=tuple(it for it in wishes.later if it in known))
    columns = looked_at(told, its, learnt=False)
    if any(it.column == LINE for it in columns):
        raise Refused("no field says when, and the records have no time of their own: name one with --time")
    kept = [it for it in columns if it.role != "field" or not it.column.startswith("$")]
    return [it._replace(guessed=wishes.id is None) if it.role == "id" else it for it in kept]


def _of_labels(
    labels: Sampled, ops: str, rows: Rows, columns: list[Column], wishes: Wishes, pair: Pair, guessed: bool = False
) -> Labelled:
    """Return what the fields of labels are for; a change was known when it was made, unless the author says otherwise."""
    known_at = wishes.known_at or (CHANGED_AT if labels.topic.envelope else None)
    found = labels_looked_at(rows, columns, wishes._replace(of=pair.of, known_at=known_at))
    asked = {"of": wishes.of is None, **({"target": True} if guessed else {})}
    found = [it._replace(guessed=asked.get(it.role, it.guessed)) for it in found]
    matched = f"{pair.matched:,} of the {pair.labels:,} looked at name an event that was looked at. Is it this field?"
    return Labelled(labels.by_ops(ops), found, matched)


def _waited(rows: Rows, columns: Sequence[Column], truths: Rows, labelled: Labelled) -> Labelled:
    """Return labels with how long they took; where some were known before their event, that is asked about."""
    found = waits(rows, {it.role: it for it in columns}, truths, {it.role: it for it in labelled.columns})
    early = f" {found.early:,} were known before it happened: are the two times the right ones?" if found.early else ""
    return labelled._replace(wait=found.longest, matched=labelled.matched + early)
