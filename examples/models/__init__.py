"""One module per model. Its name is the model's with `_` for `-`, and it has a function `train() -> Trained`."""
