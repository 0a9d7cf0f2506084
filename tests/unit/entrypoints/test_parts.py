"""The values that the machine gives."""

import uuid

import pytest

from entrypoints import parts


def test_new_ids_are_of_version_7_and_in_the_order_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The millisecond leads; what follows it is random, and as much as the format has room for."""
    randomness = parts.SystemRandomness()
    found = list[uuid.UUID]()
    for millisecond in (1, 1_767_225_600_123, 2**48 - 1):
        monkeypatch.setattr("entrypoints.parts.time.time_ns", lambda at=millisecond: at * 10**6 + 999_999)
        found += (one := [randomness.new_id() for _ in range(400)])
        assert {new.int >> 80 for new in one} == {millisecond}
    assert len(set(found)) == len(found)
    assert {(new.version, new.variant) for new in found} == {(7, uuid.RFC_4122)}
    fixed = 0x7 << 76 | 0b10 << 62 | (2**48 - 1) << 80
    ever, always = 0, -1
    for new in found:
        ever, always = ever | new.int, always & new.int
    assert ever & ~fixed & (2**80 - 1) == (2**80 - 1) & ~(0xF << 76 | 0b11 << 62)  # each random bit was 1 once
    assert always & ~fixed & (2**80 - 1) == 0  # and 0 once
