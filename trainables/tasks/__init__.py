"""What differs between kinds of question: split, objectives, metrics, untrained baselines, threshold rule."""
