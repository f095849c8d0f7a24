"""The quick way through scikit-learn's own estimators, and the proof that it equals their own methods."""
