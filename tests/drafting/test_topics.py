"""From the newest records of topics to a draft, and to a plain word where there can be none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from millrace.adapters.bus.memory import MemoryBus
from millrace.adapters.bus.port import Message
from millrace.checking.check import check
from millrace.domain.errors import Refused
from millrace.drafting import Basis, Wishes, draft
from millrace.drafting.topics import of_topics
from tests.cli.calling import millrace

Rows = Sequence[Mapping[str, Any] | bytes | None]
AT = 1_772_349_000_000
NOTHING = Wishes()


def sent(count: int, **more: Any) -> list[dict[str, Any]]:
    """Parcels that left, a minute apart."""
    return [
        {"no": f"p{n}", "depot": "abc"[n % 3], "km": n % 7 + 0.5, "left_at": AT + 60_000 * n, **more}
        for n in range(count)
    ]


def late(count: int, **more: Any) -> list[dict[str, Any]]:
    """What became of them."""
    return [{"no": f"p{n}", "late": n % 5 + 0.5, "at": AT + 60_000 * (n + 9), **more} for n in range(count)]


async def filled(topics: Mapping[str, Rows], *, partitions: int = 1, keyed_by_id: bool = False) -> MemoryBus:
    bus = MemoryBus()
    await bus.ensure_topics(dict.fromkeys(topics, partitions))
    writer = await bus.writer()
    for topic, rows in topics.items():
        values = [it if isinstance(it, bytes | None) else msgspec.json.encode(it) for it in rows]
        await writer.send([Message(topic, it, b"k%d" % (n if keyed_by_id else n % 3)) for n, it in enumerate(values)])
    return bus


async def drafted(
    bus: MemoryBus, labels: str | None = "late", wishes: Wishes = NOTHING, newest: int = 2_000
) -> tuple[Basis, str]:
    basis = await of_topics(bus, None, "sent", labels, wishes, newest)
    return basis, draft("parcels-drafted", basis)


def passes(text: str, folder: Path) -> bool:
    """Tell whether a draft passes the check, as it is."""
    (folder / "parcels_drafted.py").write_text(text)
    return check(folder / "parcels_drafted.py").findings == []


async def test_a_record_that_cannot_be_read_is_counted_with_its_reason() -> None:
    """The rest is drafted from."""
    basis, _ = await drafted(await filled({"sent": [*sent(60), b"{", None, b"[1]"], "late": late(60)}))
    assert basis.told[0].startswith(
        "sent: the newest 62 records, Json; 2 of them cannot be read, the first: undecodable:"
    )


async def test_only_the_newest_are_looked_at_of_all_partitions_together() -> None:
    """What a short partition lacks is read of the longer ones."""
    basis, _ = await drafted(await filled({"sent": sent(500), "late": late(500)}, partitions=3), newest=300)
    assert basis.told == (
        "sent: the newest 300 records, Json",
        "late: the newest 300 records, Json",
    )


async def test_a_field_that_counts_labels_does_not_pass_for_the_events_id() -> None:
    """Two fields of the labels hold numbers that events have, too: the one that is called alike is taken."""
    events = [{**it, "no": n} for n, it in enumerate(sent(90))]
    labels = [{"delivery": n, "parcel_no": n, "late": it["late"], "at": it["at"]} for n, it in enumerate(late(90))]
    _, text = await drafted(await filled({"sent": events, "late": labels}))
    assert ('id="no"' in text, 'of="parcel_no"' in text) == (True, True)


async def test_the_records_key_names_an_event_where_no_field_does(tmp_path: Path) -> None:
    """Both topics are keyed by it."""
    events = [{name: it for name, it in row.items() if name != "no"} for row in sent(60)]
    labels = [{name: it for name, it in row.items() if name != "no"} for row in late(60)]
    _, text = await drafted(await filled({"sent": events, "late": labels}, keyed_by_id=True))
    assert ('id="$key"' in text, 'of="$key"' in text, "key: Id[str]  # ASK" in text) == (True, True, True)
    assert passes(text, tmp_path)


async def test_where_nothing_says_when_the_records_time_is_taken(tmp_path: Path) -> None:
    """It is asked whether that is when it happened."""
    events = [{name: it for name, it in row.items() if name != "left_at"} for row in sent(60)]
    _, text = await drafted(await filled({"sent": events, "late": late(60)}))
    assert (
        '# ASK: is this when it happened? (Times without a zone are UTC.)\n            time=Time("$timestamp", "ms")'
        in text
    )
    assert passes(text, tmp_path)


async def test_a_later_record_of_the_same_topic_is_the_label(tmp_path: Path) -> None:
    """It is one in which a field is known that was not; a status that both have is none."""
    rows = [{**it, "status": "sent", "late": None} for it in sent(60)]
    rows += [{**it, "status": "there", "late": n % 5} for n, it in enumerate(sent(60))]
    _, text = await drafted(await filled({"sent": rows}), labels=None)
    assert 'where=lambda row: row.get("late") is None,' in text
    assert 'where=lambda row: row.get("late") is not None,' in text
    event, _, _ = text.split("(Event):")[1].partition("class ParcelsDraftedTruth")
    assert "late" not in event
    assert "status: str" in event
    assert passes(text, tmp_path)


async def test_what_is_not_said_may_be_written_in_many_ways(tmp_path: Path) -> None:
    """Texts that stand for nothing are told to the source; yes and no in words are found where they are nested."""
    events = [{**it, "box": {"gift": "yes" if n % 4 else "no"}} for n, it in enumerate(sent(60))]
    events[7]["km"] = "NA"
    _, text = await drafted(await filled({"sent": events, "late": late(60)}))
    assert 'missing=("NA",),' in text
    assert "km: float | None = None" in text
    assert '.get((row.get("box") or {}).get("gift", "")),' in text
    assert passes(text, tmp_path)


async def test_what_labels_repeat_of_their_event_is_not_taken_for_the_truth() -> None:
    """Neither the last number nor the first time, where the event had them."""
    labels = [{"left_at": it["left_at"], **other, "km": it["km"]} for it, other in zip(sent(60), late(60), strict=True)]
    basis, _ = await drafted(await filled({"sent": sent(60), "late": labels}))
    assert basis.labelled is not None
    assert {it.role: it.column for it in basis.labelled.columns} == {"of": "no", "known_at": "at", "target": "late"}


async def test_labels_are_waited_for_as_long_as_they_took() -> None:
    """What was known before it happened is asked about."""
    months = [{**it, "at": it["at"] + 86_400_000 * 45} for it in late(60)]
    _, text = await drafted(await filled({"sent": sent(60), "late": months}))
    assert 'patience="47d"' in text
    before = [{**it, "at": it["at"] - 3_600_000} for it in late(60)]
    _, text = await drafted(await filled({"sent": sent(60), "late": before}))
    assert "60 were known before it happened: are the two times the right ones?" in text


async def test_fields_that_share_no_value_yet_are_believed_when_both_are_named() -> None:
    """Labels may come so late that none of those looked at is of an event that was."""
    old = [{**it, "no": f"q{n}"} for n, it in enumerate(late(60))]
    with pytest.raises(Refused, match="none names one of the newest 60"):
        await drafted(await filled({"sent": sent(60), "late": old}))
    _, text = await drafted(await filled({"sent": sent(60), "late": old}), wishes=Wishes(id="no", of="no"))
    assert ('id="no"' in text, 'of="no"' in text) == (True, True)


async def test_what_is_wished_goes_before_what_is_guessed() -> None:
    """And is not asked any more."""
    wishes = Wishes(target="late", time="left_at", id="no", key="depot", known_at="at", of="no")
    basis, text = await drafted(await filled({"sent": sent(60), "late": late(60)}), wishes=wishes)
    assert [it.column for it in basis.found if it.guessed] == []
    assert text.count("ASK") == 2


@pytest.mark.parametrize(
    ("topics", "labels", "wishes", "said"),
    [
        ({"sent_": sent(9)}, None, NOTHING, "there is no topic 'sent' on this log; there are: sent_"),
        ({"sent": []}, None, NOTHING, "topic 'sent' is empty: a draft needs records to look at"),
        ({"sent": [b"{", b"["]}, None, NOTHING, "none of the newest 2 records of sent can be read: undecodable"),
        ({"sent": sent(60)}, None, NOTHING, "name the topic that does, as in --labels-topic TOPIC"),
        ({"sent": sent(60), "late": late(60)}, "late", Wishes(id="nr"), "there is no field 'nr'; there are: no, depot"),
        ({"sent": sent(60), "late": late(60)}, "late", Wishes(target="x"), "the labels have no column 'x'"),
        ({"sent": sent(60), "late": [{"late": 1}] * 9}, "late", NOTHING, "name the two fields with --id and --of"),
        ({"sent": sent(60)}, None, Wishes(later=("stat",)), "sent has no field 'stat'; it has: no, depot"),
        ({"sent": [b"\0\0\0\0\7\2"] * 9}, None, NOTHING, r"name schemas \(7\): say where their registry is"),
    ],
    ids=[
        "no topic",
        "empty",
        "unreadable",
        "no truth",
        "no such field",
        "no such target",
        "no id",
        "no field to leave out",
        "no registry",
    ],
)
async def test_what_cannot_be_drafted_is_told_in_plain_words(
    topics: dict[str, Rows], labels: str | None, wishes: Wishes, said: str
) -> None:
    """Each says what was wrong and what to do."""
    with pytest.raises(Refused, match=said):
        await drafted(await filled(topics), labels, wishes)


async def test_looking_makes_no_topic_and_notes_no_position() -> None:
    """To whoever else reads the topics it did not happen."""
    bus = await filled({"sent": sent(60), "late": late(60)})
    before = await bus.topics()
    await drafted(bus)
    with pytest.raises(Refused):
        await drafted(bus, "nowhere")
    assert await bus.topics() == before


def test_a_log_that_does_not_answer_is_said_to(tmp_path: Path) -> None:
    """With its address, and nothing is written."""
    said = millrace("new", "parcels", "--from-topic", "sent", home=tmp_path, KAFKA="127.0.0.1:9")
    assert said.returncode == 1
    assert "millrace: the log at 127.0.0.1:9 does not answer within 10 s" in said.stderr
    assert not Path("parcels.py").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "a.csv", "--from-topic", "sent"), "say --from or --from-topic"),
        (("--labels-topic", "late"), "--labels-topic late is the truth about another one: name that with --from-topic"),
    ],
    ids=["files and topics", "labels alone"],
)
def test_options_that_do_not_go_together_are_refused(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """Before anything is asked or written."""
    assert said in millrace("new", "parcels", *words, home=tmp_path).stderr
