"""States: equal ones have equal digests, sealed ones cannot be changed, restored ones go on as if nothing had been."""

from __future__ import annotations

import copy
import os
import pickle
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.domain.errors import Untrusted
from millrace.learning.digest import digest
from millrace.learning.learner import Learner
from millrace.learning.sealed import Header, dump, load, peek, seal, unseal
from millrace.learning.serving import ServingState
from millrace.learning.shard import Shard
from millrace.learning.states import restore
from tests.trainer.world import KEYS, SIGNER, facts, parcels
from trainer.states import sealed_checkpoint, sealed_snapshot


def arrivals(n: int = 300) -> list[object]:
    from millrace.adapters.archive.recorded import available_at
    from millrace.domain.log import Record
    from millrace.learning.intake import Arrival

    record = Record("t", 0, 0, 0, None, None)
    return [Arrival(available_at(it), "t", 0, i, it, record) for i, it in enumerate(facts(n))]


def learnt(n: int = 300) -> Shard:
    shard = Shard(parcels)
    shard.epoch, shard.offset = 1, 5
    list(shard.learner.meet(arrivals(n)))  # type: ignore[arg-type]
    return shard


def test_a_restored_learner_goes_on_as_if_nothing_had_been() -> None:
    """Pickled and restored in the middle, the end is byte-equal."""
    whole, stream = Learner(parcels), arrivals()
    list(whole.meet(stream))  # type: ignore[arg-type]
    for cut in (50, 200, 400):
        first = Learner(parcels)
        list(first.meet(stream[:cut]))  # type: ignore[arg-type]
        from millrace.learning.states import checkpoint_parts

        second = restore(parcels, checkpoint_parts(first))
        assert digest(second.dump()) == digest(first.dump())
        list(second.meet(stream[cut:]))  # type: ignore[arg-type]
        assert digest(second.dump()) == digest(whole.dump())


def test_equal_states_have_equal_digests() -> None:
    """Neither identity of texts nor a trip through pickle shows; a changed number does."""
    state = learnt().learner.dump()
    assert digest(pickle.loads(pickle.dumps(state))) == digest(state)
    changed = copy.deepcopy(state)
    changed["counters"]["events"] += 1
    assert digest(changed) != digest(state)


def test_the_digest_does_not_follow_the_hash_seed(tmp_path: Path) -> None:
    """Sets of texts and One-hot encoders give one digest under any hash seed."""
    code = (
        "from river import preprocessing\n"
        "from millrace.learning.digest import digest\n"
        "m = preprocessing.OneHotEncoder()\n"
        "[m.learn_one({'c': str(i % 9)}) for i in range(50)]\n"
        "print(digest({'model': m, 'set': {'x', 'y', 'z'}, 'frozen': frozenset('abc')}))\n"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(seen) == 1


def test_what_is_left_out_of_the_digest_never_matters() -> None:
    """River's Gaussian carries an OS-seeded generator; whatever is in it, learning and predicting are the same."""
    from river import tree

    def train(poison: bool) -> list[dict[object, float]]:
        from river.proba import Gaussian

        model, rng = (
            tree.HoeffdingTreeClassifier(grace_period=30, memory_estimate_period=10**12),
            random.Random(3),
        )
        answers = []
        for step in range(600):
            x = {"a": rng.random(), "b": rng.random()}
            answers.append(dict(model.predict_proba_one(x)))
            model.learn_one(x, x["a"] > 0.5)
            if poison and step % 50 == 0:
                import gc

                for it in gc.get_objects():
                    if type(it) is Gaussian:
                        it._rng.seed(step)
        return answers

    assert train(poison=False) == train(poison=True)


def test_two_trees_that_learnt_the_same_have_one_digest() -> None:
    """Although each leaf's Gaussian was seeded by the operating system."""
    from river import tree

    def grown() -> object:
        model, rng = (
            tree.HoeffdingTreeClassifier(grace_period=30, memory_estimate_period=10**12),
            random.Random(3),
        )
        for _ in range(600):
            x = {"a": rng.random(), "b": rng.random()}
            model.learn_one(x, x["a"] > 0.5)
        return model

    assert digest(grown()) == digest(grown())


SEALED = sealed_checkpoint(learnt(60), SIGNER.sign)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_found_wherever_it_is(at: int, flip: int) -> None:
    """Nothing of a changed state is ever unpickled."""
    torn = bytearray(SEALED)
    torn[at] ^= flip
    with pytest.raises(Untrusted):
        unseal(bytes(torn), KEYS.verify)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, len(SEALED) - 1))
def test_a_truncated_state_is_found(length: int) -> None:
    """Half a checkpoint is none."""
    with pytest.raises(Untrusted):
        unseal(SEALED[:length], KEYS.verify)


def test_a_state_signed_by_somebody_else_is_refused() -> None:
    """Only trusted keys count."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from millrace.runtime.signing import Signer

    stranger = Signer(Ed25519PrivateKey.generate())
    with pytest.raises(Untrusted, match="none of the 1 trusted keys"):
        unseal(sealed_snapshot(learnt(60), stranger.sign), KEYS.verify)


class Evil:
    """Would run a command when unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("true",)


def test_an_unknown_class_inside_a_signed_state_is_refused() -> None:
    """The allow-list holds even where the signature does."""
    header = peek(SEALED)
    _, parts = unseal(seal(header, {"x": pickle.dumps(Evil())}, SIGNER.sign), KEYS.verify)
    with pytest.raises(Untrusted, match="may not hold"):
        load(parts["x"], "tests")
    for module, name in (("river.base.base", "inspect"), ("millrace.usecases", "importlib"), ("builtins", "eval")):
        with pytest.raises((Untrusted, AttributeError)):
            load(f"c{module}\n{name}\n.".encode(), "tests")


def test_answers_are_those_the_learner_would_give() -> None:
    """Features and predictions served are the learner's, online and offline alike."""
    shard = learnt(200)
    serving = ServingState.open(parcels, sealed_snapshot(shard, SIGNER.sign), KEYS.verify)
    for event in (it for it in facts(260)[-80:] if hasattr(it, "occurred_at")):
        from millrace.domain.times import micros

        seen = shard.learner.memory.seen(event, micros(event.occurred_at))
        wanted = parcels.features(event, seen)
        answer = serving.answer(event)
        foreseen, _ = shard.learner.contest.foresee(event, seen, wanted)
        assert answer.features == wanted
        assert {**answer.by_candidate, **answer.baselines} == foreseen
        assert answer.value == foreseen["linear"]


def test_a_header_says_what_the_state_is_of() -> None:
    """State id, champion and time are readable without unpickling."""
    header: Header = peek(SEALED)
    assert (header.state_id, header.champion, header.kind) == ("parcels.0.1.5", "linear", "checkpoint")
    assert header.trained_until
    assert header.digest


def test_a_generator_may_be_held_by_its_draws_and_nothing_else_of_it() -> None:
    """River's k-means holds its generator's `gauss`; pickle would fetch it by `getattr`, which could fetch anything."""
    rng = random.Random(3)
    held = load(dump({"rng": rng, "draw": rng.gauss}), "nobody")
    assert held["draw"](0, 1) == random.Random(3).gauss(0, 1)
    assert held["draw"].__self__ is held["rng"]
    with pytest.raises(Untrusted, match=r"not Random\.seed"):
        load(dump(rng.seed), "nobody")
    with pytest.raises(Untrusted, match=r"may not hold builtins\.getattr"):
        load(pickle.dumps(rng.gauss), "nobody")


def test_whether_two_equal_moments_are_one_object_does_not_matter() -> None:
    """Labels of one visit may share the object or not, as it happens: the state is the same."""
    at, again = (datetime(2024, 1, 1, tzinfo=UTC) for _ in range(2))
    assert at is not again
    assert digest({"a": at, "b": at}) == digest({"a": at, "b": again})
