"""The cost of a search, on a handful of reports."""

import numpy as np

from analysis.convergence import (
    AnytimePoint,
    EpochReports,
    RungCurve,
    anytime_curve,
    early_stopping_thrift,
    rung_curves,
    thin_out,
    thin_points,
)


def report(trial_id: str, epoch: int, value: float, *, train_s: float = 1.0, wall_s: float = 0.0) -> tuple[object, ...]:
    return trial_id, epoch, value, train_s, wall_s


def in_columns(rows: list[tuple[object, ...]]) -> EpochReports:
    names, *columns = zip(*rows, strict=True)
    trial_ids = ("never reported", *dict.fromkeys(names))
    trials = np.array([trial_ids.index(name) for name in names])
    epochs, values, train_s, wall_s = (np.array(column) for column in columns)
    return EpochReports(
        trial_ids=trial_ids, trials=trials, epochs=epochs, values=values, train_s=train_s, wall_s=wall_s
    )


ROWS = [
    report("a", 1, 0.9, wall_s=1),
    report("b", 1, 0.99, wall_s=2),  # stopped here, with the highest value of all
    report("a", 2, 0.5, train_s=2, wall_s=4),
    report("c", 1, 0.1, wall_s=5),
    report("c", 2, 0.4, wall_s=6),
    report("d", 1, 0.3, wall_s=7),
    report("d", 2, 0.7, wall_s=8),
]
REPORTS = in_columns(ROWS)


def test_stopped_trials_cost_but_never_count() -> None:
    points = anytime_curve(REPORTS, completed={"a", "c", "d"}, max_epochs=2, maximize=True)
    assert [(p.trial_id, p.value, p.best, p.train_s, p.wall_s) for p in points] == [
        ("a", 0.5, 0.5, 4, 4),
        ("c", 0.4, 0.5, 6, 6),
        ("d", 0.7, 0.7, 8, 8),
    ]


def test_lower_is_better_where_it_is() -> None:
    points = anytime_curve(REPORTS, completed={"a", "c", "d"}, max_epochs=2, maximize=False)
    assert [p.best for p in points] == [0.5, 0.4, 0.4]


def test_nothing_completed_gives_no_curve() -> None:
    assert anytime_curve(REPORTS, completed=(), max_epochs=2, maximize=True) == ()
    assert anytime_curve(EpochReports.none(), completed=(), max_epochs=2, maximize=True) == ()
    assert rung_curves(EpochReports.none(), {}) == ()


def test_curves_come_in_the_order_of_their_first_reports() -> None:
    curves = rung_curves(in_columns([*ROWS[1:], ROWS[0]]), dict.fromkeys("abcd", "completed"))
    assert [(curve.trial_id, curve.epochs) for curve in curves][:2] == [("b", (1,)), ("a", (2, 1))]


def test_rung_curves_keep_every_epoch_and_how_it_ended() -> None:
    curves = rung_curves(REPORTS, {"a": "completed", "b": "stopped", "c": "completed"})
    assert [(c.trial_id, c.epochs, c.values, c.ending) for c in curves] == [
        ("a", (1, 2), (0.9, 0.5), "completed"),
        ("b", (1,), (0.99,), "stopped"),
        ("c", (1, 2), (0.1, 0.4), "completed"),
    ]


def test_thrift_counts_what_was_not_trained() -> None:
    curves = rung_curves(REPORTS, {"a": "completed", "b": "stopped", "c": "failed", "d": "running"})
    thrift = early_stopping_thrift(curves, max_epochs=2)
    assert (thrift.epochs_run, thrift.epochs_without, thrift.saved_share) == (3, 4, 0.25)


def test_no_trial_saves_nothing() -> None:
    assert early_stopping_thrift((), max_epochs=5).saved_share == 0


def curve(number: int, ending: str) -> RungCurve:
    return RungCurve(trial_id=str(number), epochs=(1,), values=(0.0,), ending=ending)  # type: ignore[arg-type]


def test_thinning_takes_even_samples_in_the_old_order() -> None:
    curves = [curve(number, "completed" if number % 10 == 0 else "stopped") for number in range(100)]
    chosen = thin_out(curves, 30)
    assert len(chosen) == 30
    assert sum(one.ending == "completed" for one in chosen) == 10
    numbers = [int(one.trial_id) for one in chosen]
    assert numbers == sorted(numbers)
    assert max(numbers) > 90


def test_thinning_leaves_room_for_those_that_did_not_complete() -> None:
    curves = [curve(number, "completed" if number % 10 else "stopped") for number in range(100)]
    assert [one.ending for one in thin_out(curves, 30)].count("stopped") == 10
    assert [one.ending for one in thin_out(curves, 60)].count("stopped") == 10


def test_thinning_keeps_the_one_that_is_asked_for() -> None:
    curves = [curve(number, "completed") for number in range(50)]
    assert "49" not in {one.trial_id for one in thin_out(curves, 5)}
    assert "49" in {one.trial_id for one in thin_out(curves, 5, always="49")}


def test_thinning_leaves_few_curves_alone() -> None:
    curves = (curve(0, "completed"), curve(1, "stopped"))
    assert thin_out(curves, 2) == curves
    assert len(thin_out([curve(number, "completed") for number in range(50)], 20)) == 20


def test_a_long_course_keeps_what_became_the_best() -> None:
    bests = [0.1] * 37 + [0.2] * 63
    points = [
        AnytimePoint(trial_id=str(place), value=0.0, best=best, train_s=1.0, wall_s=1.0)
        for place, best in enumerate(bests)
    ]
    assert [int(point.trial_id) for point in thin_points(points, 10)] == [0, 10, 20, 30, 37, 40, 50, 60, 70, 80, 90, 99]
    assert thin_points(points[:5], 10) == tuple(points[:5])
    assert thin_points((), 10) == ()
