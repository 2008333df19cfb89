"""For the tests of a use case's author: what comes of a few facts.

>>> from millrace.testing import replay  # doctest: +SKIP
>>> replay(parcel_delay, [Parcel(…), Delivered(…)]).predictions["p1"]  # doctest: +SKIP
"""

from millrace.testing.replays import Replayed, replay

__all__ = ["Replayed", "replay"]
