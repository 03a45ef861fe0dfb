"""Data sets: their files, what is checked in them, and how models see them."""
