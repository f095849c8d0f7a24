"""Models for the tests, as an operator would write them for the python runtime."""

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
