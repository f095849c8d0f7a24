"""An example model: replace it with your own. The YAML of this model names the class."""


class ShippingCost:
    """What the server needs to know about the inputs and outputs, and two methods."""

    signature = {
        "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 2], "columns": ["weight_kg", "distance_km"]}],
        "outputs": [{"name": "value", "datatype": "FP64", "shape": [-1]}],
        "task": "regression",
    }
    example = {"x": [[2.5, 120], [0.3, 800]]}
    """Tried when the model loads, so a model that cannot answer takes no traffic."""

    def load(self, directory, options, cpus):
        """Called once. `directory` holds the files of this version; `options` are those of the YAML."""
        self.prices = options

    def predict(self, inputs):
        """NumPy arrays by input name to NumPy arrays by output name; the first axis is the rows."""
        weight_kg, distance_km = inputs["x"].T
        prices = self.prices
        return {"value": prices["base"] + prices["per_kg"] * weight_kg + prices["per_km"] * distance_km}
