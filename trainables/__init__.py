"""Models, data, metrics and one training rung: everything that computes. Knows no cluster and no search."""
