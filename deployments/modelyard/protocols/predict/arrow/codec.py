"""Arrow for one model, if pyarrow is installed. pyarrow is imported at the first request that needs it."""

from importlib import import_module

from modelyard.errors import NotAcceptable, UnsupportedMediaType
from modelyard.protocols.predict.rows import RowReader
from modelyard.protocols.predict.tabular_responses import Columns
from modelyard.tensors import Tensors

NOT_INSTALLED = "Arrow needs pyarrow, which is not installed on this server; install it: pip install 'modelyard[arrow]'"


class ArrowCodec:
    """Reads and writes the tables of one model."""

    def __init__(self, rows: RowReader) -> None:
        self._rows = rows

    def read(self, body: bytes) -> Tensors:
        """The model's inputs. Raises InvalidRequest, or UnsupportedMediaType if pyarrow is not installed."""
        if not _installed():
            raise UnsupportedMediaType(NOT_INSTALLED)
        from modelyard.protocols.predict.arrow.reader import read_table  # noqa: PLC0415 - imports pyarrow

        return read_table(body, self._rows)

    def check_writable(self) -> None:
        """Check before the model runs. Raises NotAcceptable if pyarrow is not installed."""
        if not _installed():
            raise NotAcceptable(NOT_INSTALLED)

    def write(self, columns: Columns) -> bytes:
        """A stream of one record batch. Raises NotAcceptable for a column whose values have several types."""
        from modelyard.protocols.predict.arrow.writer import write_table  # noqa: PLC0415 - imports pyarrow

        return write_table(columns)


def _installed() -> bool:
    try:
        import_module("pyarrow")
    except ModuleNotFoundError:
        return False
    return True
