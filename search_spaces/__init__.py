"""SPACES: what is searched, by family. A space knows the names of parameters and nothing of models or data."""

import importlib
import sys
from pathlib import Path

from search_spaces import dlinear, lightmmoe, m2moep, mamba_gru
from search_spaces.space import SearchSpace

SPACES: dict[str, SearchSpace] = {
    space.name: space for space in (lightmmoe.SPACE, m2moep.SPACE, mamba_gru.SPACE, dlinear.SPACE)
}


def load_space(name: str) -> SearchSpace:
    """Return a space by its name, or one from outside the tree as ``package.module:NAME``.

    Raises:
        ValueError: If there is none, or the module cannot be imported.
    """
    if name in SPACES:
        return SPACES[name]
    if ":" not in name:
        raise ValueError(
            f"there is no search space {name!r}; known: {', '.join(SPACES)}, or your own as package.module:SPACE"
        )
    module_name, _, attribute = name.partition(":")
    if (here := str(Path.cwd())) not in sys.path:  # launch.py may lie elsewhere than the user's module
        sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a user's module may raise anything
        raise ValueError(
            f"the search space {name!r} cannot be imported: {type(error).__name__}: {error}; run from the folder that "
            "holds the module, or install it"
        ) from error
    space = getattr(module, attribute, None)
    if not isinstance(space, SearchSpace):
        raise ValueError(f"{name!r} is no search space; it must name a search_spaces.space.SearchSpace")
    return space
