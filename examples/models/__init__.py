"""One module a model, called like the model with `_` for `-`. All it must hold is `train() -> Trained`."""
