"""FAMILIES: the model families by name. A new family is a model file here, a space file, and a line in each dict."""

from trainables.models import dlinear, lightmmoe, m2moep, mamba_gru
from trainables.models.base import Family

FAMILIES: dict[str, Family] = {
    family.name: family for family in (lightmmoe.FAMILY, m2moep.FAMILY, mamba_gru.FAMILY, dlinear.FAMILY)
}
