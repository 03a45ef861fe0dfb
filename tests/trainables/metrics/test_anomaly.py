import json
import math
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from trainables.metrics import (
    METRIC_NAMES,
    anomaly_metrics,
    average_precision,
    best_event_f1,
    f1_at_threshold,
    find_segments,
    grow_segments,
)
from trainables.metrics.segments import weigh_by_binary_logarithm, weigh_by_logarithm, weigh_by_root

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden" / "easytsad"
N_RANDOM_CASES = 240  # drawn from fixed seeds: none fails by chance


# Golden values: what EasyTSAD 0.3.0.2 itself returned.


@pytest.mark.shared
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"needs EasyTSAD's golden values in {GOLDEN}")
@pytest.mark.parametrize("block", ["direct_margin_0_0", "pipeline_margin_0_0", "pipeline_margin_0_5"])
@pytest.mark.parametrize(
    "case",
    [
        "s01_gaussian_segments_2000",
        "s02_ties_rounded_0p5_1200",
        "s03_constant_score_500",
        "s04_all_normal_300",
        "s05_single_point_anomalies_800",
        "s06_heavy_tail_long_segments_20000",
    ],
)
def test_every_golden_value(case, block):
    scores, labels, blocks = golden_case(case)
    expected = blocks[block]
    if expected.get("skipped_all_normal"):
        assert not labels.any()
        return
    computed = anomaly_metrics(scores, labels, margin=(0, 5) if block.endswith("0_5") else (0, 0))
    flat = flatten_golden(expected)
    assert flat.keys() == computed.keys()
    for name, value in flat.items():
        assert computed[name] == pytest.approx(value, rel=0, abs=1e-9, nan_ok=True), name


@lru_cache
def golden_case(case):
    blocks = json.loads((GOLDEN / "expected.json").read_text())["cases"][case]
    with np.load(GOLDEN / "vectors.npz") as arrays:
        return arrays[f"{case}__scores"], arrays[f"{case}__labels"], blocks


def flatten_golden(block):
    flat = {}
    for name, fields in block.items():
        if not isinstance(fields, dict):
            continue
        for field, value in fields.items():
            if field == "threshold":
                if value is not None:
                    flat[f"{name}_threshold"] = value + block.get("score_shift", 0.0)
            else:
                key = name if field in ("f1", "value", "detected") else f"{name}_{field}"
                flat[key] = math.nan if value is None else value
    return flat


# Worked by hand.


def test_two_segments_by_hand():
    scores = [0.1, 0.9, 0.2, 0.8, 0.3, 0.4, 0.5, 0.0]
    labels = [0, 0, 1, 1, 0, 0, 1, 0]
    metrics = anomaly_metrics(scores, labels, margin=(0, 0))
    expected = {
        # By falling score: normal 0.9, long segment 0.8, short segment 0.5, and four more normal points.
        "point_f1_pa": 6 / 7,
        "point_f1_pa_precision": 3 / 4,
        "point_f1_pa_recall": 1,
        "point_f1_pa_threshold": 0.5,
        "event_f1_pa_squeeze": 4 / 5,
        "event_f1_pa_squeeze_precision": 2 / 3,
        "event_f1_pa_log": 4 / 5,
        "event_f1_pa_raw": 6 / 7,
        # Seen through its first point, the long segment scores 0.2: behind normal 0.9, 0.4 and 0.3.
        "point_kth_f1_pa_k1": 2 / 3,
        "point_kth_f1_pa_k1_threshold": 0.2,
        # The highest score is normal: published as NaN.
        "point_f1": math.nan,
        "point_f1_precision": 0,
        "point_f1_recall": 0,
        "point_f1_nan_safe": 2 / 3,
        "point_auprc": (1 / 2 + 2 / 3 + 3 / 6) / 3,
        "point_auroc": (4 + 4 + 2) / 15,
        "point_auprc_pa": (2 / 3 + 2 / 3 + 3 / 4) / 3,
        "point_auroc_pa": 4 / 5,
        "event_auprc_pa_squeeze": (1 / 2 + 2 / 3) / 2,
        "event_auroc_pa_squeeze": 4 / 5,
        "event_detect": 0,
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_a_cut_may_end_inside_equal_scores_and_time_decides_which_come_first():
    scores = np.zeros(6)
    early = anomaly_metrics(scores, [1, 1, 0, 0, 0, 0], margin=(0, 0))
    late = anomaly_metrics(scores, [0, 0, 0, 0, 1, 1], margin=(0, 0))
    assert early["point_f1_pa"] == pytest.approx(1)
    assert late["point_f1_pa"] == pytest.approx(1 / 2)
    # A threshold takes all or nothing, whatever the order.
    assert f1_at_threshold(scores, [1, 1, 0, 0, 0, 0], 0.0, margin=(0, 0))["point_f1_pa"] == pytest.approx(1 / 2)
    assert early["point_f1"] == late["point_f1"] == pytest.approx(1 / 2)
    assert early["event_auprc_pa_squeeze"] == pytest.approx(1 / 5)
    assert early["point_auroc_pa"] == late["point_auroc_pa"] == 0.5


def test_of_two_equal_point_f1s_the_lower_threshold_wins():
    metrics = anomaly_metrics([4, 3, 2, 1], [1, 0, 0, 1], margin=(0, 0))  # 1 of 1, and 2 of 4: both 2/3
    assert metrics["point_f1"] == metrics["point_f1_nan_safe"] == pytest.approx(2 / 3)
    assert metrics["point_f1_nan_safe_threshold"] == 1


def test_only_the_event_areas_overlook_a_one_point_segment_at_the_end():
    metrics = anomaly_metrics([1, 5, 2, 3, 4], [0, 1, 0, 0, 1], margin=(0, 0))
    without = anomaly_metrics([1, 5, 2, 3], [0, 1, 0, 0], margin=(0, 0))
    for name in ("event_auprc_pa_log", "event_auroc_pa_squeeze", "event_auroc_pa_raw"):
        assert metrics[name] == without[name] == 1
    assert anomaly_metrics([5, 1], [0, 1], margin=(0, 0))["event_auprc_pa_log"] == 0
    assert anomaly_metrics([5, 1], [0, 1], margin=(0, 0))["event_kth_auprc_pa_k10_log"] == 1 / 2
    assert anomaly_metrics([5, 1], [0, 1], margin=(0, 0))["event_f1_pa_log"] == pytest.approx(2 / 3)


def test_no_anomaly():
    metrics = anomaly_metrics([3.0, -1.0, 2.0], [0, 0, 0])
    one = {"point_f1_recall": 1.0, "point_f1_nan_safe_recall": 1.0, "point_f1_nan_safe_threshold": -1.0}
    assert metrics == dict.fromkeys(METRIC_NAMES, 0.0) | one


def test_nothing_but_anomalies():
    metrics = anomaly_metrics([3.0, -1.0, 2.0], [1, 1, 1])
    for name in METRIC_NAMES:
        if "auroc" in name:
            assert metrics[name] == 0
        elif not name.endswith("_threshold"):
            assert metrics[name] == pytest.approx(1), name
    assert metrics["point_f1_pa_threshold"] == 3
    assert metrics["point_f1_nan_safe_threshold"] == -1


def test_perfect_scores_fall_short_of_one_by_the_published_rounding():
    assert anomaly_metrics([0, 0, 1, 1, 0], [0, 0, 1, 1, 0])["event_f1_pa_log"] != 1
    assert anomaly_metrics([0, 0, 1, 1, 0], [0, 0, 1, 1, 0])["event_f1_pa_log"] == pytest.approx(1, abs=1e-14)


def test_weights_by_hand():
    lengths = np.array([1, 5, 6, 23, 24, 77, 78, 239, 240, 241, 725, 726, 2183, 2184])
    assert weigh_by_logarithm(lengths).tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 4, 5, 5, 6, 6, 7]
    assert weigh_by_binary_logarithm(np.array([1, 2, 5, 6, 13, 14])).tolist() == [1, 2, 2, 3, 3, 4]
    assert weigh_by_root(np.array([1, 3, 4, 8, 9])).tolist() == [1, 1, 2, 2, 3]


# Segments and their margin.


def test_find_segments():
    starts, stops = find_segments([1, 0, 1, 1, 0, 0, 1])
    assert (starts.tolist(), stops.tolist()) == ([0, 2, 6], [1, 4, 7])
    assert all(len(edges) == 0 for edges in find_segments([0, 0]))


@pytest.mark.parametrize(
    ("margin", "labels", "grown"),
    [
        ((0, 5), "100000000000", "111111000000"),
        ((0, 5), "100000100000", "111100111111"),  # two normal points stay before the neighbour
        ((0, 5), "101001000100", "101001100111"),  # gaps of one and two are left alone
        ((0, 5), "000000000010", "000000000011"),  # no further than the end
        ((0, 0), "010010000000", "010010000000"),
        ((2, 0), "000010001000", "001110011000"),
        ((2, 0), "010000000010", "110000001110"),
        ((9, 1), "100000001000", "110011111100"),  # right before left
        ((1, 9), "100001000000", "111001111111"),
    ],
)
def test_grow_segments_by_hand(margin, labels, grown):
    marks = np.array([int(mark) for mark in labels])
    assert "".join(str(int(mark)) for mark in grow_segments(marks, margin)) == grown


def test_growing_is_that_of_the_plain_reference():
    rng = np.random.default_rng(5)
    for _ in range(N_RANDOM_CASES):
        labels = random_labels(rng, n_steps=int(rng.integers(1, 40)))
        margin = (int(rng.integers(0, 7)), int(rng.integers(0, 7)))
        assert grow_segments(labels, margin).tolist() == grow_one_by_one(labels, margin)


# Against a plain reference.


@pytest.mark.parametrize("margin", [(0, 0), (0, 5), (3, 2)])
def test_every_value_is_that_of_the_plain_reference(margin):
    rng = np.random.default_rng(7)
    for _ in range(N_RANDOM_CASES // 3):
        labels = random_labels(rng, n_steps=int(rng.integers(1, 60)))
        scores = rng.integers(0, rng.integers(1, 12), len(labels)) / 4
        expected = metrics_one_by_one(scores, labels, margin)
        computed = anomaly_metrics(scores, labels, margin=margin)
        assert computed.keys() == expected.keys()
        for name, value in expected.items():
            assert computed[name] == pytest.approx(value, rel=0, abs=1e-12, nan_ok=True), (name, scores, labels)


def test_single_metrics_are_those_of_the_family():
    rng = np.random.default_rng(11)
    for _ in range(30):
        labels = random_labels(rng, n_steps=50)
        scores = rng.integers(0, 9, 50) / 2
        for margin in ((0, 0), (0, 5), (2, 3)):
            family = anomaly_metrics(scores, labels, margin=margin)
            assert best_event_f1(scores, labels, margin=margin) == (
                family["event_f1_pa_log"],
                family["event_f1_pa_log_threshold"],
            )
        assert average_precision(scores, labels) == anomaly_metrics(scores, labels, margin=(0, 0))["point_auprc"]


def random_labels(rng, n_steps):
    """Draw runs of one to eight points, or single points, or one label for all; at the ends as often as elsewhere."""
    kind = rng.integers(0, 8)
    if kind == 0:
        return np.full(n_steps, int(rng.integers(0, 2)))
    run_length = 1 if kind == 1 else int(rng.integers(1, 9))
    return np.repeat(rng.random(n_steps) < rng.uniform(0, 0.7), run_length)[:n_steps].astype(int)


def grow_one_by_one(labels, margin):
    left, right = margin
    grown = [bool(label) for label in labels]
    runs = runs_of(labels)
    for i, (_, stop) in enumerate(runs):
        limit = runs[i + 1][0] - 2 if i + 1 < len(runs) else len(grown)
        for step in range(stop, min(stop + right, limit)):
            grown[step] = True
    for i, (start, _) in enumerate(runs):
        stop_before = start
        while i > 0 and not grown[stop_before - 1]:
            stop_before -= 1
        limit = stop_before + 2 if i > 0 else 0
        for step in range(start - 1, max(start - left, limit) - 1, -1):
            grown[step] = True
    return grown


def runs_of(labels):
    runs, step = [], 0
    for is_anomalous, run in groupby(bool(label) for label in labels):
        length = len(list(run))
        if is_anomalous:
            runs.append((step, step + length))
        step += length
    return runs


def metrics_one_by_one(scores, labels, margin):
    """Follow the protocols item by item, and leave curves to scikit-learn."""
    labels = grow_one_by_one(labels, margin)
    weights = {
        "log": lambda length: math.floor(math.log(length + 3) / math.log(3)),
        "squeeze": lambda length: 1,
        "sqrt": math.isqrt,
        "raw": lambda length: length,
        "log_base2": lambda length: math.floor(math.log2(length + 2)),
    }
    everything = len(scores)
    metrics = point_f1_one_by_one(scores, labels)
    for name, k, mode in (
        ("point_f1_pa", everything, "raw"),
        ("point_kth_f1_pa_k1", 1 + margin[0], "raw"),
        ("point_kth_f1_pa_k10", 10 + margin[0], "raw"),
        *((f"event_f1_pa_{mode}", everything, mode) for mode in weights),
        *((f"event_kth_f1_pa_k10_{mode}", 10 + margin[0], mode) for mode in ("log", "squeeze", "raw")),
    ):
        best = walk_one_by_one(scores, labels, k, weights[mode])
        metrics |= dict(zip(part_names(name), best, strict=True))
    metrics["point_auprc"], metrics["point_auroc"] = areas_of(labels, scores)
    metrics["point_auprc_pa"], metrics["point_auroc_pa"] = areas_of(
        *expand_segments(scores, labels, everything, weights["raw"])
    )
    for mode in ("log", "squeeze", "raw"):
        expanded = expand_segments(scores, labels, everything, weights[mode], overlook_final_point=True)
        metrics[f"event_auprc_pa_{mode}"], metrics[f"event_auroc_pa_{mode}"] = areas_of(*expanded)
    for mode in ("log", "squeeze"):
        expanded = expand_segments(scores, labels, 10 + margin[0], weights[mode])
        metrics[f"event_kth_auprc_pa_k10_{mode}"] = areas_of(*expanded)[0]
    metrics["event_detect"] = float(labels[list(scores).index(max(scores))])
    return metrics


def part_names(name):
    return name, f"{name}_precision", f"{name}_recall", f"{name}_threshold"


def point_f1_one_by_one(scores, labels):
    names = part_names("point_f1")[:3]
    safe_names = part_names("point_f1_nan_safe")
    if not any(labels):  # where scikit-learn warns
        return dict(zip(names + safe_names, (0, 0, 1, 0, 0, 1, min(scores)), strict=True))
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    f1s = [2 * p * r / (p + r) if p + r else 0.0 for p, r in zip(precision, recall, strict=True)]
    best = f1s.index(max(f1s))
    safe = (f1s[best], precision[best], recall[best], thresholds[best])
    has_nan = any(p + r == 0 for p, r in zip(precision, recall, strict=True))
    return dict(zip(names + safe_names, ((math.nan, 0, 0) if has_nan else safe[:3]) + safe, strict=True))


def walk_one_by_one(scores, labels, k, weigh):
    if not any(labels):
        return 0, 0, 0, 0
    items = [(step, score, 1, False) for step, score in enumerate(scores) if not labels[step]]
    for start, stop in runs_of(labels):
        items.append((start, max(scores[start : min(stop, start + k)]), weigh(stop - start), True))
    items.sort(key=lambda item: item[0])
    items.sort(key=lambda item: -item[1])
    total = sum(weight for *_, weight, is_segment in items if is_segment)
    called = found = 0
    best = (0, 0, 0, 0)
    for _, score, weight, is_segment in items:
        called += weight
        found += weight if is_segment else 0
        precision, recall = found / (called + 1e-15), found / (total + 1e-15)
        f1 = 2 * precision * recall / (precision + recall + 1e-15)
        if f1 > best[0]:
            best = (f1, precision, recall, score)
    return best


def expand_segments(scores, labels, k, weigh, *, overlook_final_point=False):
    """Replace each segment by so many copies of its score as it weighs."""
    marks = [0 for label in labels if not label]
    values = [score for score, label in zip(scores, labels, strict=True) if not label]
    for start, stop in runs_of(labels):
        if overlook_final_point and start == len(labels) - 1:
            continue
        copies = weigh(stop - start)
        marks += [1] * copies
        values += [max(scores[start : min(stop, start + k)])] * copies
    return marks, values


def areas_of(marks, values):
    if not any(marks):
        return 0.0, 0.0
    return average_precision_score(marks, values), 0.0 if all(marks) else roc_auc_score(marks, values)


# A threshold fixed beforehand.


def test_f1_at_threshold_by_hand():
    scores = [0.1, 0.9, 0.2, 0.8, 0.3, 0.4, 0.5, 0.0]
    labels = [0, 0, 1, 1, 0, 0, 1, 0]
    assert f1_at_threshold(scores, labels, 0.8, margin=(0, 0)) == pytest.approx(
        {
            "point_f1": 2 / 5,
            "point_f1_precision": 1 / 2,
            "point_f1_recall": 1 / 3,
            "point_f1_pa": 2 / 3,
            "point_f1_pa_precision": 2 / 3,
            "point_f1_pa_recall": 2 / 3,
            "event_f1_pa_log": 1 / 2,
            "event_f1_pa_log_precision": 1 / 2,
            "event_f1_pa_log_recall": 1 / 2,
            "event_f1_pa_squeeze": 1 / 2,
            "event_f1_pa_squeeze_precision": 1 / 2,
            "event_f1_pa_squeeze_recall": 1 / 2,
        },
        abs=1e-12,
    )


def test_f1_at_threshold_is_zero_where_nothing_is_called_or_nothing_is_there():
    assert set(f1_at_threshold([1, 2, 3], [0, 1, 0], math.inf).values()) == {0.0}
    assert set(f1_at_threshold([1, 2, 3], [0, 0, 0], 2).values()) == {0.0}


def test_f1_at_the_best_threshold_is_the_best_f1():
    rng = np.random.default_rng(13)
    for _ in range(30):
        labels = random_labels(rng, n_steps=80)
        scores = rng.permutation(80) / 8  # no two are equal
        best = anomaly_metrics(scores, labels)
        for name in ("point_f1_pa", "event_f1_pa_log", "event_f1_pa_squeeze"):
            fixed = f1_at_threshold(scores, labels, best[f"{name}_threshold"])
            for part in part_names(name)[:3]:
                assert fixed[part] == pytest.approx(best[part], abs=1e-12)
        fixed = f1_at_threshold(scores, labels, best["point_f1_nan_safe_threshold"])
        assert fixed["point_f1"] == pytest.approx(best["point_f1_nan_safe"], abs=1e-12)


# What must not matter.


@pytest.mark.parametrize("transform", [lambda s: 3 * s - 100, lambda s: s**3, np.exp])
def test_only_the_order_of_the_scores_matters(transform):
    rng = np.random.default_rng(17)
    labels = random_labels(rng, n_steps=300)
    scores = rng.integers(-20, 20, 300) / 4
    plain, transformed = anomaly_metrics(scores, labels), anomaly_metrics(transform(scores), labels)
    for name in METRIC_NAMES:
        if name.endswith("_threshold"):
            assert transformed[name] == transform(plain[name])
        else:
            assert transformed[name] == plain[name] or math.isnan(plain[name])


@pytest.mark.parametrize("as_labels", [np.bool_, np.uint8, np.float32, np.int64, list])
@pytest.mark.parametrize("as_scores", [np.float32, np.float16, list])
def test_types_do_not_matter(as_labels, as_scores):
    rng = np.random.default_rng(19)
    labels = rng.random(60) < 0.3
    scores = rng.integers(0, 30, 60) / 4
    converted = anomaly_metrics(
        list(scores) if as_scores is list else scores.astype(as_scores),
        list(labels) if as_labels is list else labels.astype(as_labels),
    )
    assert list(converted) == list(METRIC_NAMES)
    assert all(type(value) is float for value in converted.values())
    np.testing.assert_equal(converted, anomaly_metrics(scores, labels))


def test_the_callers_arrays_are_never_written_to():
    scores, labels = np.array([0.1, 0.9, 0.2, 0.8, 0.3]), np.array([0.0, 0.0, 1.0, 0.0, 0.0])
    kept_scores, kept_labels = scores.copy(), labels.copy()
    anomaly_metrics(scores, labels)
    best_event_f1(scores, labels)
    average_precision(scores, labels)
    f1_at_threshold(scores, labels, 0.5)
    grown = grow_segments(labels, (0, 0))
    grown[:] = True
    np.testing.assert_array_equal(scores, kept_scores)
    np.testing.assert_array_equal(labels, kept_labels)


def test_the_first_labels_are_dropped_where_scores_are_missing():
    scores, labels = [0.3, 0.1, 0.9, 0.2], [1, 1, 1, 0, 0, 1, 0]
    assert best_event_f1(scores, labels) == best_event_f1(scores, labels[3:])
    np.testing.assert_equal(anomaly_metrics(scores, labels), anomaly_metrics(scores, labels[3:]))


# What is refused.


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([1, 2, 3], [0, 1], "3 scores for 2 labels"),
        ([], [0, 1], "0 scores for 2 labels"),
        ([1, math.nan, math.inf], [0, 1, 0], "`scores` holds 2 values .* the first is nan at index 1"),
        ([1, 2, 3], [0, 1, math.nan], "`labels` holds 1 values .* label every point 0 or 1"),
        ([[1, 2, 3]], [0, 1, 0], r"`scores` has shape \(1, 3\)"),
    ],
)
def test_bad_series_are_refused(scores, labels, message):
    for compute in (anomaly_metrics, best_event_f1, average_precision, lambda s, y: f1_at_threshold(s, y, 0.5)):
        with pytest.raises(ValueError, match=message):
            compute(scores, labels)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match=r"`margin` is \(0, -1\)"):
        anomaly_metrics([1, 2], [0, 1], margin=(0, -1))
    with pytest.raises(ValueError, match="`threshold` is nan"):
        f1_at_threshold([1, 2], [0, 1], math.nan)
