"""An operator's modules in a version's folder: imported under private names, and under plain names while a model is loaded."""
