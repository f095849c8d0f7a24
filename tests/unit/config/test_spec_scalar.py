"""Values of plain scalars, and sizes."""

import math

import pytest

from modelyard.config import scalar, size


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(word, word) for word in ("on", "off", "yes", "no", "y", "n", "Yes", "tRUE", "nULL", "a b", "-", "+", ".")],
        *[(word, None) for word in ("", "~", "null", "Null", "NULL")],
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE")],
        *[("0", 0), ("-0", 0), ("+7", 7), ("-19", -19), ("012", 12), ("0o12", 10), ("0x1F", 31)],
        *[(str(2**63 - 1), 2**63 - 1), (str(-(2**63)), -(2**63))],
        *[("1e3", 1000.0), ("1.", 1.0), (".5", 0.5), ("-1.5E-2", -0.015), ("012.5", 12.5), ("1e-999", 0.0)],
        *[(".inf", math.inf), ("-.INF", -math.inf), ("+.Inf", math.inf)],
        *[(text, text) for text in ("1_000", "1:30", "0b1", "0o8", "-0x1", "2024-01-01", "1e", "٣", "1.2.3", "--1")],
    ],
)
def test_a_plain_scalar_is_resolved_by_the_core_schema(text, value):
    resolved = scalar.resolve(text)
    assert (type(resolved), resolved) == (type(value), value)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_not_a_number_is_a_number(text):
    resolved = scalar.resolve(text)
    assert isinstance(resolved, float)
    assert math.isnan(resolved)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (str(2**63), "more than 64 bits"),
        ("9" * 5000, "more than 64 bits"),
        ("0x" + "f" * 17, "more than 64 bits"),
        ("1e999", "too large"),
    ],
)
def test_a_number_out_of_range_is_rejected(text, message):
    with pytest.raises(ValueError, match=message):
        scalar.resolve(text)


@pytest.mark.parametrize(
    ("text", "octal"), [("012", True), ("-07", True), ("00", True), ("0", False), ("10", False), ("0o7", False)]
)
def test_a_leading_zero_is_reported(text, octal):
    assert scalar.has_leading_zero(text) is octal


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("7B", 7),
        ("64KiB", 65_536),
        ("512MiB", 512 * 2**20),
        ("512 MiB", 512 * 2**20),
        ("1.5GB", 1_500_000_000),
        ("2TiB", 2**41),
        ("3kB", 3000),
        ("3KB", 3000),
        ("0.1KiB", 102),
        ("0.1GB", 100_000_000),
    ],
)
def test_a_size_is_read(text, size_bytes):
    assert size.parse(text) == size_bytes


@pytest.mark.parametrize(
    "text", ["", "MiB", "-1MiB", "1e3MB", "512mb", "512Mi", "5 elephants", "1MiB\n", "1.MiB", "٣MB"]
)
def test_an_invalid_size_is_rejected(text):
    with pytest.raises(ValueError, match="is not a size"):
        size.parse(text)


@pytest.mark.parametrize(
    ("text", "nearest"), [("512mb", "512MB"), ("512Mi", "512MiB"), ("1.5g", "1.5GB"), ("5 elephants", ""), ("lots", "")]
)
def test_a_misspelt_size_has_a_suggestion(text, nearest):
    assert size.nearest(text) == nearest


def test_a_text_that_is_like_no_size_has_no_suggestion(folder):
    wanted = "expected a size such as 512MiB, 1.5GB or a number of bytes, got the string 'lots'"
    assert folder.of_model("name: m\nlimits: {body: lots}\n") == [f"2:16: {wanted}"]


def test_the_smallest_sizes_are_accepted(folder):
    text = "name: m\nlimits: {body: 1000}\nresources: {memory: 16MiB}\n"
    loaded = folder.write({"models/m.yaml": text}).load()
    (model,) = loaded.models
    assert loaded.warnings == ()
    assert (model.limits.body, model.resources.memory) == (1000, 16 * 2**20)


def test_a_number_of_more_than_sixty_four_characters_is_rejected():
    assert scalar.resolve("0" * 63 + "1") == 1
    with pytest.raises(ValueError, match="more than 64 bits"):
        scalar.resolve("0" * 64 + "1")
