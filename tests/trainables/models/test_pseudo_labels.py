import pytest
import torch

from trainables.models.pseudo_labels import MOST_JUDGED, PseudoLabels, best_experts


def _labels(kind: str = "dynamic", *, n_examples: int = 4, every: int = 1, seed: int = 0) -> PseudoLabels:
    return PseudoLabels(
        kind=kind,  # type: ignore[arg-type]
        n_examples=n_examples,
        n_experts=3,
        every=every,
        generator=torch.Generator().manual_seed(seed),
    )


def test_the_label_is_the_expert_of_least_error_where_the_gap_is_wide_enough() -> None:
    errors = torch.tensor([[1.0, 2.0, 3.0], [3.0, 1.05, 1.0], [1.0, 1.019, 5.0], [5.0, 1.0, 1.021], [0.0, 0.0, 1.0]])
    assert best_experts(errors).tolist() == [0, 2, -1, 1, -1]


def test_labels_follow_the_moving_average_of_errors() -> None:
    labels = _labels()
    first, second = torch.tensor([[1.0, 2.0, 9.0]] * 4), torch.tensor([[2.0, 0.5, 9.0]] * 4)
    labels.refresh(first)
    assert labels.labels.tolist() == [0] * 4
    assert labels.changes.item() == -1  # there was no label to change
    labels.refresh(second)
    mean = 0.9 * 0.1 * first + 0.1 * second
    assert torch.allclose(labels.errors, mean)
    assert labels.labels.tolist() == mean.argmin(1).tolist() == [1] * 4
    assert labels.changes.item() == 1


def test_changes_are_counted_among_windows_labelled_before_and_after() -> None:
    labels = _labels()
    labels.refresh(torch.tensor([[1.0, 9.0, 9.0], [1.0, 9.0, 9.0], [1.0, 1.0, 9.0], [9.0, 9.0, 1.0]]))
    assert labels.labels.tolist() == [0, 0, -1, 2]
    labels.refresh(torch.tensor([[90.0, 1.0, 9.0], [1.0, 9.0, 9.0], [1.0, 9.0, 9.0], [9.0, 9.0, 1.0]]))
    assert labels.labels.tolist() == [1, 0, 0, 2]
    assert labels.changes.item() == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("kind", "every", "due"),
    [("dynamic", 1, [2, 3, 4, 5, 6]), ("dynamic", 2, [2, 4, 6]), ("frozen", 1, [2]), ("random", 1, [])],
)
def test_the_first_refresh_follows_a_warm_up_epoch(kind: str, every: int, due: list[int]) -> None:
    assert [epoch for epoch in range(1, 7) if _labels(kind, every=every).is_due(epoch)] == due


def test_random_labels_are_drawn_once_from_the_generator() -> None:
    first, again, other = (_labels("random", n_examples=50, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.labels, other.labels)
    assert set(first.labels.tolist()) == {0, 1, 2}
    assert _labels("dynamic").labels.tolist() == [-1] * 4


def test_only_some_windows_are_judged_evenly_spaced() -> None:
    labels = _labels(n_examples=5 * MOST_JUDGED)
    assert labels.judged().tolist() == list(range(0, 5 * MOST_JUDGED, 5))
    labels.refresh(torch.tensor([[1.0, 9.0, 9.0]]).expand(MOST_JUDGED, 3))
    assert (labels.labels >= 0).sum() == MOST_JUDGED
    assert labels.labels[::5].eq(0).all()
    assert _labels(n_examples=3).judged().tolist() == [0, 1, 2]
    assert _labels(n_examples=0).judged().tolist() == []


def test_a_checkpoint_holds_everything() -> None:
    labels, restored = _labels(), _labels()
    labels.refresh(torch.rand(4, 3, generator=torch.Generator().manual_seed(0)))
    restored.load_state_dict(labels.state_dict())
    errors = torch.rand(4, 3, generator=torch.Generator().manual_seed(1))
    for one in (labels, restored):
        one.refresh(errors)
    assert all(torch.equal(a, b) for a, b in zip(labels.buffers(), restored.buffers(), strict=True))
