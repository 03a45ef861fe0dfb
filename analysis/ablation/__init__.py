"""Which parts of a model earn their place: what an ablation declared, the statistics of its differences, its words."""
