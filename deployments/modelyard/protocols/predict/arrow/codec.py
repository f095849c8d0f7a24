"""Arrow for one model, where pyarrow is installed; it is loaded when the first client speaks Arrow, never before."""

from importlib import import_module

from modelyard.errors import NotAcceptable, UnsupportedMediaType
from modelyard.protocols.predict.rows import RowReader
from modelyard.protocols.predict.tabular_responses import Columns
from modelyard.tensors import Tensors

MISSING = "Arrow needs pyarrow, and this server has none; its operator can install it: pip install 'modelyard[arrow]'"


class ArrowCodec:
    """Reads and writes the tables of one model."""

    def __init__(self, rows: RowReader) -> None:
        self._rows = rows

    def read(self, body: bytes) -> Tensors:
        """The model's inputs. Raises InvalidRequest, or UnsupportedMediaType where pyarrow is missing."""
        if not _installed():
            raise UnsupportedMediaType(MISSING)
        from modelyard.protocols.predict.arrow.reader import read_table  # noqa: PLC0415 - imports pyarrow

        return read_table(body, self._rows)

    def check_answers(self) -> None:
        """Before the model runs in vain: raises NotAcceptable where pyarrow is missing."""
        if not _installed():
            raise NotAcceptable(MISSING)

    def write(self, columns: Columns) -> bytes:
        """One record batch. Raises NotAcceptable for a column that has no one type."""
        from modelyard.protocols.predict.arrow.writer import write_table  # noqa: PLC0415 - imports pyarrow

        return write_table(columns)


def _installed() -> bool:
    try:
        import_module("pyarrow")
    except ModuleNotFoundError:
        return False
    return True
