"""Seeds by name."""

from __future__ import annotations

from subliminal.seeds import derive_seed


def test_a_derived_seed_never_changes() -> None:
    # Stored results rest on it: printf '[7, "teaching", "order"]' | sha256sum begins with
    # 9998bf2402b45cf8, of which this is half.
    assert derive_seed(7, "teaching", "order") == 0x9998BF2402B45CF8 // 2


def test_different_names_give_different_seeds() -> None:
    seeds = {derive_seed(s, a, b) for s in range(20) for a in "xy" for b in ("", "x", "xy")}
    assert len(seeds) == 20 * 2 * 3
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_names_are_kept_apart() -> None:
    assert derive_seed(1, "ab", "c") != derive_seed(1, "a", "bc")
    assert derive_seed(1, "ab") != derive_seed(1, "a", "b")
