"""What many tests and many looks cost.

One family is all component arms of a study on its primary metric; Holm's correction keeps the chance of *any* false
difference in it. Whoever adds seeds after a look at the result tests once more, so the chance of error is divided over
a number of looks that is declared beforehand: by Bonferroni, which holds however the looks depend on each other, and
so also where the seeds added were chosen by what the look had shown.

References:
    Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6(2).
    Pocock 1977 and O'Brien and Fleming 1979, for boundaries that cost less. We depart from them: theirs rest on known
    numbers of blocks at every look and on normal increments, which five seeds are too few for.
"""

from collections.abc import Sequence

FIRST_SHARE = 0.6
"""Of alpha, for the first of several looks: most studies are looked at once."""


def holm(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Adjust p values so that the chance of any false rejection in the family stays below alpha.

    Args:
        p_values: ``None`` for a test that could not be made; it cannot err, so it does not count.

    Returns:
        The adjusted values, in the order given; ``None`` stays ``None``.
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p))
        adjusted[place] = highest
    return tuple(adjusted)


def alpha_of_look(look: int, looks: int, alpha: float) -> float:
    """Return what one look may spend of alpha.

    Args:
        look: 1 for the first.
        looks: How many were declared beforehand, at least 1.
        alpha: Of the study, 0 to 1.

    Raises:
        ValueError: If the look was not declared.
    """
    if not 1 <= look <= looks:
        raise ValueError(
            f"Look {look} of {looks} declared ones has no alpha left; judge by an earlier look, or begin a new study "
            "with fresh seeds."
        )
    if looks == 1:
        return alpha
    return alpha * FIRST_SHARE if look == 1 else alpha * (1 - FIRST_SHARE) / (looks - 1)
