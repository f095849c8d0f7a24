"""Setting keys of a YAML file: the rest of its text does not change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.config.edit import CannotEdit, with_keys
from modelyard.config.source_text import Source
from modelyard.config.tree import plain
from modelyard.config.yaml_parser import parse


def edited(text: str, **values: object) -> str:
    return with_keys(Source("iris.yaml", text), values)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("name: iris\n", {"default": 1}, "name: iris\ndefault: 1\n"),
        ("name: iris", {"default": 1}, "name: iris\ndefault: 1"),
        ("# ours\nname: iris  # a flower\n", {"versions": [1]}, "# ours\nname: iris  # a flower\nversions: [1]\n"),
        ("name: iris\nversions: latest\n", {"versions": [1]}, "name: iris\nversions: [1]\n"),
        ("versions: [1, 2]  # both\nname: iris\n", {"versions": [1]}, "versions: [1]  # both\nname: iris\n"),
        ("name: iris\nversions:\n  - 1\n  - 2  # new\n\n# end\n", {"versions": [1]}, None),
        ("name: iris\nversions:\n  latest: 2\n\nreplicas: 2\n", {"versions": [1]}, "name: iris\nversions: [1]\n\nreplicas: 2\n"),
        ("name: iris\nversions: [1,\n  2]\nreplicas: 2\n", {"versions": [3]}, "name: iris\nversions: [3]\nreplicas: 2\n"),
        ("{name: iris, versions: all}\n", {"default": 1}, "{default: 1, name: iris, versions: all}\n"),
        ('{"name": "iris", "versions": [1, 2]}\n', {"versions": [1]}, '{versions: [1], name: iris}\n'),
        ("name: iris\r\nreplicas: 2\r\n", {"default": 1}, "name: iris\r\ndefault: 1\r\nreplicas: 2\r\n"),
        ("---\nname: iris\n", {"default": 2}, "---\nname: iris\ndefault: 2\n"),
        ("  name: iris\n  replicas: 2\n", {"default": 1}, "  name: iris\n  default: 1\n  replicas: 2\n"),
        ("name: iris\ndefault: stable\nversion_labels: {stable: 1}\n", {"default": 2}, None),
        ("description: |\n  versions: all\n\nname: iris\n", {"versions": [1], "default": 1}, None),
    ],
)  # fmt: skip
def test_a_key_is_set_and_the_rest_stays(text, values, expected):
    after = edited(text, **values)
    if expected is not None and not text.startswith('{"'):
        assert after == expected
    assert plain(parse(Source("", after)).root) == {**plain(parse(Source("", text)).root), **values}
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line and "new" not in line]
    assert all(comment in after for comment in comments)


@pytest.mark.parametrize(
    "text",
    ["name: iris\nversions: &v [1, 2]\noptions: {x: *v}\n", "- name\n", "", "name: [\n"],
)
def test_a_file_that_cannot_be_edited_safely_is_not_changed(text):
    with pytest.raises(CannotEdit, match=r"this file cannot be edited automatically; write by hand: versions: \[1\]"):
        edited(text, versions=[1])


VALUES = st.one_of(
    st.integers(1, 99),
    st.sampled_from(["latest", "'a # b'", '"x: y"', "{latest: 2}", "[1, 2]", "\n  - 1\n  - 2", "\n  a: 1\n  b: [2]"]),
)


@given(st.dictionaries(st.sampled_from(["versions", "default", "options", "description"]), VALUES), st.booleans())
def test_any_file_reads_as_before_but_for_the_key(entries, trailing):
    text = "".join(f"{key}: {value}\n" for key, value in {"name": "iris", **entries}.items()) + "# end\n" * trailing
    before = plain(parse(Source("", text)).root)
    after = edited(text, versions=[3], default=3)
    assert plain(parse(Source("", after)).root) == {**before, "versions": [3], "default": 3}
