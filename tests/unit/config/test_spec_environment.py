"""Environment variables in values."""

import pytest

from modelyard.config.env_vars import expand
from modelyard.config.model_spec import ModelSpec
from modelyard.config.source_text import Source
from modelyard.config.yaml_parser import parse


def description(folder, value, **environ):
    folder.write({"models/m.yaml": f"name: m\ndescription: {value}\n"})
    return folder.load(**environ).models[0].description


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${A}", "alpha"),
        ("x-${A}-${B}-y", "x-alpha-beta-y"),
        ("${NONE:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("'${EMPTY}'", ""),
        ("'${NONE:-}'", ""),
        ("${NONE:-a:-b}", "a:-b"),
        ("${NONE:-$5 $$x}", "$5 $x"),
        ("$${A}", "${A}"),
        ("$$$${A}", "$${A}"),
        ("$$${A}", "$alpha"),
        ("US$5 a$", "US$5 a$"),
        ("US$$5", "US$5"),
        ("$A", "$A"),
        ("${QUOTED}", "${A} $$ # 'x': y"),
        ("'${NUMBER}'", "4"),
    ],
)
def test_references_expand_in_strings(folder, value, expected):
    environ = {"A": "alpha", "B": "beta", "EMPTY": "", "QUOTED": "${A} $$ # 'x': y", "NUMBER": "4"}
    assert description(folder, value, **environ) == expected


def test_an_unquoted_reference_has_the_type_of_its_content(folder):
    folder.write(
        {
            "models/m.yaml": (
                "name: m\ntrusted: ${T}\nreplicas:\n  max: ${MAX:-4}\nlimits:\n  body: ${BODY}\n  timeout_s: 1${ZERO}\n"
                "labels: ['${MAX:-4}']\n"
            )
        }
    )
    spec = folder.load(T="true", BODY="1MiB", ZERO="0").models[0]
    expected = {
        "name": "m",
        "trusted": True,
        "replicas": {"max": 4},
        "limits": {"body": 2**20, "timeout_s": 10},
        "labels": ["4"],
    }
    assert spec == ModelSpec.model_validate(expected)


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        (
            "name: m\nreplicas:\n  max: ${NOPE}\n",
            ["3:8: the environment variable NOPE is not set; set it, or add a default: ${NOPE:-...}"],
        ),
        (
            "name: m\ndescription: a ${A} ${NOPE} ${NOR}\n",
            [
                "2:21: the environment variable NOPE is not set; set it, or add a default: ${NOPE:-...}",
                "2:29: the environment variable NOR is not set; set it, or add a default: ${NOR:-...}",
            ],
        ),
        (
            "name: m\ndescription: ${A\n",
            [
                "2:14: '${A' is not a valid variable reference; write ${NAME} or ${NAME:-default}, and $$ for a dollar sign"
            ],
        ),
        (
            "name: m\ndescription: ${1-x}\n",
            [
                "2:14: '${1-x}' is not a valid variable reference;"
                " write ${NAME} or ${NAME:-default}, and $$ for a dollar sign"
            ],
        ),
        (
            "name: m\ndescription: ${A:-${B}}\n",
            [
                "2:14: '${A:-${B}' is not a valid variable reference;"
                " write ${NAME} or ${NAME:-default}, and $$ for a dollar sign"
            ],
        ),
        ("name: m\nreplicas: ${HUGE}\n", ["2:11: this number has more than 64 bits"]),
    ],
)
def test_a_reference_that_cannot_be_replaced_is_reported_at_its_place(folder, text, reported):
    assert folder.of_model(text, A="alpha", HUGE="9" * 30) == reported


def test_each_of_two_equal_references_in_one_line_is_reported_at_its_own_place(folder):
    reported = folder.of_model("name: m\nlabels: ['${NOPE}', '${NOPE}']\n")
    assert [line.partition(": ")[0] for line in reported] == ["2:11", "2:22"]


def test_a_reference_at_the_start_of_a_line_is_underlined_without_the_text_after_it():
    document = parse(Source("m.yaml", "${NOPE}-and-more"))
    expand(document, {})
    (problem,) = document.problems
    assert (problem.column, problem.length) == (1, len("${NOPE}"))


def test_a_file_that_is_not_yaml_has_no_values_to_expand(folder):
    assert [line.partition(": ")[0] for line in folder.of_model("name: ['${NOPE}'\n")] == ["1:7"]


def test_the_content_of_a_variable_is_never_shown(folder):
    reported = folder.of_model(
        "name: m\nreplicas: ${SECRET}\ndescription: ${PIN}\nversions:\n- ${ZERO}\n",
        SECRET="hunter2",
        PIN="9157",
        ZERO="0815",
    )
    assert reported == [
        "2:11: expected a mapping, got a string from ${SECRET}",
        "3:14: expected a string, got a whole number from ${PIN}",
        "5:3: ${ZERO} has a leading zero: decimal in YAML 1.2, but octal elsewhere; remove the leading zero",
    ]


def test_an_undefined_variable_in_an_aliased_value_is_reported_once(folder):
    reported = folder.of_model("name: m\ndescription: &d ${NOPE}\npath: *d\nroute: *d\n")
    assert len(reported) == 1


def test_references_in_comments_and_keys_are_not_expanded(folder):
    assert folder.of_model("name: m # ${NOPE}\n${NOPE}: 1\n") == ["2:1: unknown key '${NOPE}'"]
