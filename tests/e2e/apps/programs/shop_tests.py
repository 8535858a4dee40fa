"""The tests of somebody else: one of them fails."""

from __future__ import annotations

import asyncio

import pytest


@pytest.mark.asyncio
@pytest.mark.parametrize("number", range(4))
async def test_an_order(number: int) -> None:
    await asyncio.sleep(0.3)
    assert number < 3


def test_without_a_loop() -> None:
    assert True
