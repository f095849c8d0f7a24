"""The layout of a row: features by column or by input, and positions in a row of all fitted columns."""

import pytest

from modelyard.protocols.values.row_layout import has_columns, layout_by_column, layout_by_input, row_count
from modelyard.tensors import FREE, Signature, TensorSpec

TABLE = TensorSpec("x", "FP64", (FREE, 2), ("a", "b"))
FITTED = Signature((TABLE,), (), fitted=("a", "c", "b"))


@pytest.mark.parametrize(
    ("shape", "columns", "expected"),
    [
        ((FREE, 2), ("a", "b"), True),
        ((FREE, FREE), ("a", "b"), True),
        ((FREE, 3), ("a", "b"), False),
        ((FREE, 2), (), False),
        ((FREE,), ("a",), False),
        ((FREE, 2, 1), ("a", "b"), False),
    ],
)
def test_a_row_has_named_columns_if_it_is_a_list_with_a_name_for_each_value(
    shape: tuple[int, ...], columns: tuple[str, ...], expected: bool
) -> None:
    assert has_columns(TensorSpec("x", "FP64", shape, columns)) is expected


def test_fitted_columns_that_no_input_reads_are_ignored() -> None:
    for layout in (layout_by_column(FITTED), layout_by_input(FITTED)):
        assert layout.ignored == {"c"}
    assert layout_by_column(FITTED).names == {"a", "b"}
    assert layout_by_input(FITTED).names == {"x"}


def test_features_have_a_position_in_a_row_of_more_columns() -> None:
    layout = layout_by_column(FITTED)
    assert layout.positions(("a", "c", "b")) == (0, 2)
    assert layout.positions(("a", "b")) == (), "a row of the features alone has their own order"
    assert layout.positions(("a", "c", "d")) == (), "a feature is missing"
    nested = layout_by_column(Signature((TensorSpec("x", "FP64", (FREE, 2)),), ()))
    assert nested.positions(("x", "y")) == (), "a value is a list"


def test_a_row_that_is_an_object_may_leave_out_missing_values_only() -> None:
    inputs = TensorSpec("a", "BYTES", (FREE,), missing=True), TensorSpec("b", "BYTES", (FREE,))
    layout = layout_by_column(Signature(inputs, ()))
    assert layout.required == {"b"}


def test_optional_inputs_are_left_out_if_no_name_is_theirs() -> None:
    optional = TensorSpec("b", "FP64", (FREE,), optional=True)
    layout = layout_by_column(Signature((TABLE, optional), ()))
    assert layout_by_column(Signature((optional,), ())).present(()).names == {"b"}, "a row needs an input"
    both = Signature((TensorSpec("a", "FP64", (FREE,)), optional), ())
    layout = layout_by_column(both)
    assert (layout.present(("a",)).names, layout.present(("a",)).omitted) == ({"a"}, {"b"})
    assert layout.present(("b",)).names == {"a", "b"}


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [([(2, 3), (2,)], 2), ([(2,), (3,)], None), ([()], None), ([], None)],
)
def test_a_request_has_rows_if_the_inputs_share_a_first_axis(
    shapes: list[tuple[int, ...]], expected: int | None
) -> None:
    inputs = tuple(TensorSpec(str(index), "FP64", shape) for index, shape in enumerate(shapes))
    assert row_count(Signature(inputs, (TensorSpec("y", "FP64", ()),))) == expected
