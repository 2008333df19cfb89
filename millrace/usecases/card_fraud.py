"""Is this card payment fraudulent?

Simulated payments (`_card_simulation`). A chargeback names a fraud hours or days later; a payment that nobody disputed within
two days counts as honest. Every label is held until then: learning frauds as soon as they are known, and honest payments two
days later, would teach first that all is fraud.
"""

from __future__ import annotations

from math import log, log1p
from typing import Annotated, Literal

from msgspec import Meta

from millrace import (
    Candidate,
    Classification,
    Event,
    Features,
    Id,
    Key,
    Label,
    Location,
    Model,
    Money,
    Of,
    Profiles,
    TrainedOnce,
    Truth,
    UseCase,
    by_day,
    decayed_mean,
    distinct_count,
    first_use,
    km_since,
    seconds_since,
    window_count,
    window_sum,
)
from millrace.usecases._card_people import Category, DeviceInfo
from millrace.usecases._card_simulation import BEGINS, SCENARIOS, SLOWEST_CHARGEBACK, WEEK, Bank

RARE = 0.012
"""What is taken for the share of frauds before anything was seen."""


class Payment(Event):
    """A card is charged."""

    transaction_id: Id[str]
    user_id: Key[str]
    amount: Annotated[Money, Meta(ge=0)]
    currency: str
    merchant_id: str
    product_category: Category
    transaction_type: Literal["purchase", "transfer", "cash_withdrawal"]
    payment_method: Literal["card", "wallet", "contactless"]
    location: Location
    ip_address: str
    device_info: DeviceInfo
    user_agent: str
    account_age_days: Annotated[int, Meta(ge=0)]
    cvv_provided: bool
    billing_address_match: bool


class Chargeback(Label):
    """The holder disputes a payment, or confirms it."""

    transaction_id: Of[str]
    user_id: str
    is_fraud: bool


def network(p: Payment) -> str:
    """Return the network that an address is of."""
    return p.ip_address.rpartition(".")[0]


def is_small(p: Payment) -> float | None:
    """Return 1 for a small amount, as one tries a stolen card with."""
    return 1.0 if p.amount < 10 else None


class Seen(Profiles):
    """What is remembered of holders, merchants, devices and networks; what was fraud, from settled labels only."""

    usual = decayed_mean(lambda p: log1p(p.amount), by="user_id", alpha=0.1, unseen=3.5)
    hour = window_count(by="user_id", window="1h")
    day = window_count(by="user_id", window="1d")
    spent_hour = window_sum("amount", by="user_id", window="1h")
    spent_day = window_sum("amount", by="user_id", window="1d")
    since = seconds_since(by="user_id", unseen=864_000.0)
    moved = km_since("location", by="user_id", unseen=0.0)
    new_device = first_use("user_agent", by="user_id")
    new_merchant = first_use("merchant_id", by="user_id")
    new_network = first_use(network, by="user_id")
    merchants_day = distinct_count("merchant_id", by="user_id", window="1d")
    crowd = distinct_count("user_id", by="merchant_id", window="20m")
    busy = window_count(by="merchant_id", window="6h")
    small = window_sum(is_small, by="merchant_id", window="20m")
    all_fraud = decayed_mean("is_fraud", half_life="7d", unseen=RARE)
    merchant_fraud = decayed_mean("is_fraud", by="merchant_id", alpha=0.03, unseen=RARE)
    category_fraud = decayed_mean("is_fraud", by="product_category", alpha=0.005, unseen=RARE)
    transfer_fraud = decayed_mean("is_fraud", by=("merchant_id", "transaction_type"), alpha=0.1, unseen=RARE)
    way_fraud = decayed_mean("is_fraud", by=("product_category", "payment_method"), alpha=0.01, unseen=RARE)
    user_fraud = decayed_mean("is_fraud", by="user_id", alpha=0.1, unseen=RARE)


FRAUD = ("all_fraud", "merchant_fraud", "category_fraud", "transfer_fraud", "way_fraud", "user_fraud")


def surprise(p: Payment, seen: Seen) -> float:
    """Return how many times more than usual a holder spends, as a logarithm."""
    return log1p(p.amount) - seen.usual


def features(p: Payment, seen: Seen) -> Features:
    """Return what a model sees of a payment: habits broken, bursts, and where fraud was lately."""
    far, quick, new = log1p(seen.moved), 1 / (1 + seen.since / 600), float(seen.new_device)
    small = float(p.amount < 10)
    return {
        "amount": log1p(p.amount),
        "surprise": surprise(p, seen),
        "hour": float(seen.hour),
        "day": log1p(seen.day),
        "spent_hour": log1p(seen.spent_hour),
        "spent_day": log1p(seen.spent_day),
        "quick": quick,
        "far": far,
        "far_quick": far * quick,
        "new_device": new,
        "new_merchant": float(seen.new_merchant),
        "new_network": float(seen.new_network),
        "new_both": new * float(seen.new_network),
        "new_far": new * far,
        "new_surprise": new * surprise(p, seen),
        "merchants_day": log1p(seen.merchants_day),
        "crowd": log1p(seen.crowd),
        "small_crowd": small * log1p(seen.small),
        "small_new": small * new * log1p(seen.small),
        "busy": log1p(seen.busy),
        **{name: log(getattr(seen, name) + 0.002) for name in FRAUD},
        "age": log1p(p.account_age_days),
        "no_cvv": float(not p.cvv_provided),
        "no_match": float(not p.billing_address_match),
        "transfer": float(p.transaction_type == "transfer"),
        "wallet": float(p.payment_method == "wallet"),
        "contactless": float(p.payment_method == "contactless"),
    }


NOTES = {
    "amount": "the amount, as log(1 + amount)",
    "surprise": "how many times more than usual this holder spends, as a logarithm",
    "hour": "payments of this holder in the last hour",
    "day": "payments of this holder in the last day, as log(1 + n)",
    "spent_hour": "spent by this holder in the last hour, as log(1 + sum)",
    "spent_day": "spent by this holder in the last day, as log(1 + sum)",
    "quick": "how soon after the holder's last payment: 1 at once, a half after ten minutes, towards 0",
    "far": "how far from the holder's last payment, as log(1 + km)",
    "far_quick": "far times quick: far away, and soon after",
    "new_device": "1 when the holder pays for the first time with this device, else 0",
    "new_merchant": "1 when the holder pays for the first time at this merchant, else 0",
    "new_network": "1 when the holder pays for the first time from this network, else 0",
    "new_both": "1 when device and network are both new, else 0",
    "new_far": "far where the device is new, else 0",
    "new_surprise": "surprise where the device is new, else 0",
    "merchants_day": "different merchants of this holder in the last day, as log(1 + n)",
    "crowd": "different holders at this merchant in the last 20 minutes, as log(1 + n)",
    "small_crowd": "small payments at this merchant in the last 20 minutes, as log(1 + n), where this one is below 10, else 0",
    "small_new": "the same where the device is new as well, else 0",
    "busy": "payments at this merchant in the last six hours, as log(1 + n)",
    "all_fraud": "share of fraud among settled payments, half-life a week, as a logarithm",
    "merchant_fraud": "share of fraud lately at this merchant, as a logarithm",
    "category_fraud": "share of fraud lately in this category of goods, as a logarithm",
    "transfer_fraud": "share of fraud lately at this merchant by this type of transaction, as a logarithm",
    "way_fraud": "share of fraud lately in this category, paid this way, as a logarithm",
    "user_fraud": "share of fraud among this holder's settled payments, as a logarithm",
    "age": "age of the account, as log(1 + days)",
    "no_cvv": "1 when no security code was given, else 0",
    "no_match": "1 when the billing address does not match, else 0",
    "transfer": "1 for a transfer, else 0",
    "wallet": "1 when paid by a wallet, else 0",
    "contactless": "1 when paid contactless, else 0",
}
"""What each feature is."""

OF_ITSELF = (
    "amount",
    "surprise",
    "hour",
    "day",
    "quick",
    "far",
    "far_quick",
    "new_device",
    "new_merchant",
    "new_network",
    "new_both",
    "new_far",
    "new_surprise",
    "crowd",
    "small_crowd",
    "small_new",
    "age",
    "no_cvv",
    "no_match",
    "transfer",
    "wallet",
    "contactless",
)
"""What a payment and its holder's habits tell, without what was fraud lately."""


def logistic() -> Model:
    """Return a logistic regression whose steps shrink with what was learnt (AdaGrad)."""
    from river import optim

    return _regression(optim.AdaGrad(0.05), 0.005)


def steady() -> Model:
    """Return a logistic regression whose steps never shrink: it forgets, and so it follows what changes."""
    from river import optim

    return _regression(optim.SGD(0.01), 0.01)


def trained_once() -> Model:
    """Return a logistic regression that learns the first 20,000 payments and then no more."""
    from river import optim

    return TrainedOnce(_regression(optim.AdaGrad(0.05), 0.005), 20_000)


def _regression(optimizer: Model, rate: float) -> Model:
    from river import linear_model, preprocessing

    usual = log(RARE / (1 - RARE))
    return preprocessing.StandardScaler() | linear_model.LogisticRegression(
        optimizer=optimizer, intercept_lr=rate, intercept_init=usual
    )


card_fraud = UseCase(
    "card-fraud",
    "Is this card payment fraudulent?",
    Payment,
    Seen,
    features=features,
    notes=NOTES,
    task=Classification(
        target=lambda c: c.is_fraud,
        truth=Truth(label=Chargeback, patience="2d", release="at_horizon", if_missing="negative"),
        act_at=0.15,
        costs=(10.0, 1.0),
    ),
    candidates={
        "logistic": Candidate(logistic, about="logistic regression with steps that shrink as it learns (AdaGrad)"),
        "steady": Candidate(steady, about="the same with steps that never shrink: it forgets sooner what was"),
        "trained once": Candidate(
            trained_once,
            only=OF_ITSELF,
            about="the same without what was fraud lately; learns 20,000 payments, then no more",
        ),
    },
    baselines={
        "running share": lambda p, seen: seen.all_fraud,
        "share at the merchant": lambda p, seen: seen.merchant_fraud,
        "new device": lambda p, seen: 0.1 if seen.new_device else 0.005,
    },
    simulator=by_day(
        lambda seed: Bank(seed, Payment, Chargeback).day,
        scenarios=SCENARIOS,
        begins=BEGINS,
        about="Simulated payments of 1,500 card holders at 360 merchants; four kinds of fraud, each with an honest twin",
        events_per_day=sum(WEEK) / 7,
        slowest_label=SLOWEST_CHARGEBACK,
    ),
)
