"""An operator's modules in a version's folder: imported under private names, found by their own while a model is read."""
