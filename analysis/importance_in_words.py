"""What the importance of hyperparameters says, and what it does not, in sentences."""

from analysis.formatting import count, join_names
from analysis.importance import CHANCE, Importance, Influence

MEANING = (
    "What mattered for the score within what was sampled; not what a part is worth: that is an ablation. Trials that "
    "were stopped or failed do not count."
)
READING = (
    "fANOVA: share of the variance over the whole space that a parameter explains alone, by a random forest. "
    "PED-ANOVA: how far the best tenth of the trials (but at least five) is from all trials in it. Floor: what scores "
    f"dealt out anew at random pass in {100 * CHANCE:.0f} % of all cases. Share: of the sum over all parameters, which "
    "is 100 % even where none matters."
)


def describe_importance(importance: Importance) -> list[str]:
    """Say which parameters stand above chance, from how many trials, and what was left out."""
    found = count(importance.n_completed, "trial")
    if importance.reason:
        return [MEANING, f"Not computed: {importance.reason} ({found} at full fidelity)."]
    few = importance.n_used < importance.n_completed
    basis = f"an even sample of {importance.n_used} of the {found}" if few else f"all {found}"
    sentences = [MEANING, f"From {basis} at full fidelity. {_name_leading(importance)}"]
    if importance.left_out:
        sentences.append(
            f"fANOVA leaves out {join_names(importance.left_out)}, for not every trial has a value of "
            f"{'it' if len(importance.left_out) == 1 else 'them'}."
        )
    return sentences


def describe_standing(influence: Influence) -> str:
    """Say in a word or two where a parameter stands."""
    if influence.is_clear:
        return "clear"
    return "above its floor" if influence.is_above_floor else "within chance"


def _name_leading(importance: Importance) -> str:
    n = len(importance.influences)
    chance = f"by chance alone, each measure would raise about {CHANCE * n:.1f} of {n} above it"
    if not importance.leading:
        return f"No parameter stands above its floor ({chance})."
    text = f"Above their floor: {join_names([one.parameter for one in importance.leading])} ({chance})."
    clear = [one.parameter for one in importance.leading if one.is_clear]
    if clear:
        return f"{text} Clear of chance even among {n} looked at together: {join_names(clear)}."
    return f"{text} Not one of them is clear of what chance gives to the most conspicuous of {n}."
