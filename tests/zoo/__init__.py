"""Generated models, served, against what they answer themselves; `python -m tests.zoo` is where it starts."""
