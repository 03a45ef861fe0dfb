"""An ablation's result as plain values, fit for JSON."""

import math
from dataclasses import asdict
from typing import Any

from analysis.ablation.result import Ablation


def to_plain_ablation(ablation: Ablation | None) -> dict[str, Any] | None:
    """Turn a result into plain values; each arm has its verdict's word, infinite degrees of freedom are left out."""
    if ablation is None:
        return None
    plain: dict[str, Any] = _finite(asdict(ablation))
    for arm, written in zip(ablation.arms, plain["arms"], strict=True):
        written["word"] = arm.word
        if arm.retuned is not None:
            written["retuned"]["word"] = arm.retuned.word
    return plain


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
