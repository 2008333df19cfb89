"""Snapshots: their task ends when it is told to."""

from __future__ import annotations

import asyncio

import pytest

from millrace.adapters.online.memory import MemoryOnlineStore
from trainer.snapshots import Snapshots


@pytest.mark.parametrize("steps", range(4))
async def test_it_ends_though_it_is_told_the_moment_it_is_woken(steps: int) -> None:
    snapshots = Snapshots(MemoryOnlineStore(), lambda it: it, interval=1.0, share=0.1)
    task = asyncio.create_task(snapshots.run())
    await asyncio.sleep(0.01)
    snapshots._wake.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=1.0)
    assert task.done()
