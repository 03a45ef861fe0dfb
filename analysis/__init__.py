"""From a study's folder to what it says: tables, statistics, report. Reads files alone; trains and imports no model."""

from analysis.reading import load_metrics, load_study, load_trials

__all__ = ["load_metrics", "load_study", "load_trials"]
