"""Models of the tests, for the python runtime."""

ECHO = """\
class Model:
    signature = {
        "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}],
        "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1]}],
    }

    def load(self, directory, options, cpus):
        pass

    def predict(self, inputs):
        return {"y": inputs["x"] * 2}
"""

SLOW = """\
import time


class Model:
    signature = {
        "inputs": [{"name": "seconds", "datatype": "FP64", "shape": [-1]}],
        "outputs": [{"name": "slept", "datatype": "FP64", "shape": [-1]}],
    }
    example = {"seconds": [0.002, 0.003]}

    def load(self, directory, options, cpus):
        pass

    def predict(self, inputs):
        time.sleep(float(inputs["seconds"].sum()))
        return {"slept": inputs["seconds"]}
"""

RAISES = ECHO.replace("pass", "raise ValueError('these weights are for another planet')")
HANGS = ECHO.replace("pass", "__import__('time').sleep(3600)")
EATS_MEMORY = ECHO.replace("pass", "self.blob = bytearray(2 * 2**30)")
DIES = ECHO.replace("pass", "__import__('os')._exit(9)")
ECHO_TIMES_THREE = ECHO.replace("* 2", "* 3")

TICKS = """\
import itertools
import time

import numpy


class Model:
    # Goes on until the client leaves: `n` counts from 0, `at` is the time.
    signature = {
        "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}],
        "outputs": [{"name": name, "datatype": "FP64", "shape": [-1]} for name in ("n", "at")],
        "rows": False,
    }

    def load(self, directory, options, cpus):
        pass

    def predict(self, inputs):
        return {"n": inputs["x"], "at": inputs["x"]}

    def generate(self, inputs):
        for n in itertools.count():
            yield {"n": numpy.array([float(n)]), "at": numpy.array([time.time()])}
            time.sleep(0.05)
"""

MIRROR = """\
KINDS = ["BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP16", "FP32", "FP64", "BYTES"]


class Model:
    # Whole tensors: an input may be left out, and then its output has no values.
    signature = {
        "inputs": [{"name": kind, "datatype": kind, "shape": [-1, 2], "optional": True} for kind in KINDS],
        "outputs": [{"name": kind, "datatype": kind, "shape": [-1, 2]} for kind in KINDS],
        "rows": False,
    }

    def load(self, directory, options, cpus):
        pass

    def predict(self, inputs):
        import numpy

        kinds = {"BYTES": object, "BOOL": bool, "FP16": "float16", "FP32": "float32", "FP64": "float64"}
        nothing = {kind: numpy.empty((0, 2), kinds.get(kind, kind.lower())) for kind in KINDS}
        return nothing | inputs
"""
