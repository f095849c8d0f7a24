"""Valid values of each key, and the errors of invalid ones."""

import pytest

from modelyard.config.inputs_spec import InputType
from modelyard.config.spec_file import MAX_ERRORS

DATATYPES = "expected BOOL, INT64, FP32, FP64, BYTES or DATETIME"


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        # kinds
        ("replicas: four", "2:11: expected a mapping, got the string 'four'"),
        ("replicas: {max: four}", "2:17: expected a whole number, got the string 'four'"),
        ("limits: {queue: 4.0}", "2:17: expected a whole number, got the number 4.0; did you mean 4?"),
        ("limits: {queue: 4.5}", "2:17: expected a whole number, got the number 4.5"),
        ("limits: {queue: true}", "2:17: expected a whole number, got the boolean true"),
        ("limits: {queue: '4'}", "2:17: expected a whole number, got the string '4'; remove the quotes"),
        ("limits: {queue: 1_000}", "2:17: expected a whole number, got the string '1_000'"),
        ("limits: {timeout_s: [1]}", "2:21: expected a number, got a list"),
        ("limits: {timeout_s: .inf}", "2:21: expected a finite number, got the number .inf"),
        ("limits: {timeout_s: .nan}", "2:21: expected a finite number, got the number .nan"),
        ("limits:", "2:1: expected a mapping, got nothing"),
        ("limits: null", "2:9: expected a mapping, got null"),
        ("limits: [queue]", "2:9: expected a mapping, got a list"),
        ("required: yes", "2:11: expected true or false, got the string 'yes'; did you mean true?"),
        ("trusted: Off", "2:10: expected true or false, got the string 'Off'; did you mean false?"),
        ("trusted: 'true'", "2:10: expected true or false, got the string 'true'; remove the quotes"),
        ("trusted: maybe", "2:10: expected true or false, got the string 'maybe'"),
        ("description: 12", "2:14: expected a string, got the whole number 12; put it in quotes"),
        ("description: {}", "2:14: expected a string, got a mapping"),
        ("labels: a", "2:9: expected a list, got the string 'a'"),
        ("labels: [a, 1]", "2:13: expected a string, got the whole number 1; put it in quotes"),
        ("labels: [a, true]", "2:13: expected a string, got the boolean true; put it in quotes"),
        ("options: [1]", "2:10: expected a mapping, got a list"),
        (f"description: {{{'x' * 50}: 1}}", "2:14: expected a string, got a mapping"),
        (
            f"runtime: {'x' * 50}",
            f"2:10: expected onnx, sklearn or python:<module>:<Class>, got the string '{'x' * 40}…'",
        ),
        # ranges
        ("replicas: {max: 0}", "2:17: expected at least 1, got the whole number 0"),
        ("replicas: -1", "2:11: a fixed number of replicas must be at least 1; {min: 0, max: 1} scales to zero"),
        ("replicas: 100000", "2:11: expected at most 10000, got the whole number 100000"),
        ("load_timeout_s: 0", "2:17: expected more than 0, got the whole number 0"),
        ("load_timeout_s: 1e6", "2:17: expected at most 86400, got the number 1e6"),
        ("replicas: {min: 3, max: 2}", "2:17: replicas.min (3) is greater than replicas.max (2)"),
        # sizes
        (
            "resources: {memory: 512mb}",
            "2:21: expected a size such as 512MiB, 1.5GB or a number of bytes, got the string '512mb';"
            " did you mean 512MB?",
        ),
        ("resources: {memory: 0}", "2:21: expected at least 1, got the whole number 0"),
        ("resources: {memory: 1.5}", "2:21: expected a whole number, got the number 1.5"),
        ("resources: {memory: 0.1B}", "2:21: expected at least 1, got the string '0.1B'"),
        # versions
        ("default: 1.5", "2:10: expected a version number, or one of version_labels, got the number 1.5"),
        ("compiled: false", "2:11: expected auto or off, got the boolean false; did you mean off?"),
        ("compiled: on", "2:11: expected auto or off, got the string 'on'"),
        ("compiled: 'no'", "2:11: expected auto or off, got the string 'no'; did you mean off?"),
        ("compiled: true", "2:11: expected auto or off, got the boolean true; did you mean auto?"),
        ("retry: [always]", "2:8: expected always or never, got a list"),
        ("default: 0", "2:10: expected a version number, or one of version_labels, got the whole number 0"),
        (
            "default: '2'",
            "2:10: expected a version number, or one of version_labels, got the string '2'; did you mean 2?",
        ),
        ("default: stable", "2:10: no version has the label 'stable'; define it in version_labels"),
        (
            "default: stabel\nversion_labels: {stable: 1}",
            "2:10: no version has the label 'stabel'; did you mean 'stable'?",
        ),
        ("version_labels: [stable]", "2:17: expected a mapping, got a list"),
        ("version_labels: {stable: new}", "2:26: expected a whole number, got the string 'new'"),
        ("default: 3\nversions: [1, 2]", "2:10: version 3 is not in versions; add 3 to versions"),
        (
            "version_labels: {old: 1}\nversions: [2]",
            "2:23: version 1 is not in versions; add 1 to versions",
        ),
        # forms
        ("versions: newest", "2:11: expected latest or all, got the string 'newest'"),
        ("versions: lates", "2:11: expected latest or all, got the string 'lates'; did you mean latest?"),
        (
            "versions: 3",
            "2:11: expected latest, all, {latest: N} or a list of version numbers, got the whole number 3; did you mean [3]?",
        ),
        ("versions: []", "2:11: expected at least one item, got a list"),
        ("versions: [1, 0]", "2:15: expected at least 1, got the whole number 0"),
        ("versions: {latest: 0}", "2:20: expected at least 1, got the whole number 0"),
        ("versions: {}", "2:11: missing key 'latest'; add 'latest: ...'"),
        ("versions: {lates: 2}", "2:12: unknown key 'lates'; did you mean 'latest'?"),
        (
            "runtime: onxx",
            "2:10: expected onnx, sklearn or python:<module>:<Class>, got the string 'onxx'; did you mean onnx?",
        ),
        ("path: ../x", "2:7: expected a folder inside the repository, without '.' and '..', got the string '../x'"),
        ("path: /x", "2:7: expected a folder inside the repository, such as churn or team/churn, got the string '/x'"),
        # numbers that others read as octal
        (
            "versions: [012]",
            "2:12: 012 is 12 in YAML 1.2, but octal elsewhere; write 12, or 0o12 for octal",
        ),
        ("replicas: 010", "2:11: 010 is 10 in YAML 1.2, but octal elsewhere; write 10, or 0o10 for octal"),
        ("labels: [007]", "2:10: expected a string, got the whole number 007; put it in quotes"),
        # batching
        ("batching: of", "2:11: expected off or a mapping, got the string 'of'; did you mean off?"),
        ("batching: 'OFF'", "2:11: expected off or a mapping, got the string 'OFF'; did you mean off?"),
        ("batching: no", "2:11: expected off or a mapping, got the string 'no'; did you mean off?"),
        ("batching: false", "2:11: expected off or a mapping, got the boolean false; did you mean off?"),
        (
            "batching: on",
            "2:11: expected off or a mapping, got the string 'on'; remove the key: batching is on by default",
        ),
        (
            "batching: true",
            "2:11: expected off or a mapping, got the boolean true; remove the key: batching is on by default",
        ),
        (
            "batching: 8",
            "2:11: expected off or a mapping, got the whole number 8; did you mean {max_size: 8}?",
        ),
        (
            "batching: 1",
            "2:11: expected off or a mapping, got the whole number 1; did you mean {max_size: 1}?",
        ),
        ("batching: 0", "2:11: expected off or a mapping, got the whole number 0; did you mean off?"),
        ("batching: [off]", "2:11: expected off or a mapping, got a list"),
        ("batching: null", "2:11: expected off or a mapping, got null"),
        ("batching: {max_size: off}", "2:22: expected a whole number, got the string 'off'"),
        # rows
        ("rows: yes", "2:7: expected true or false, got the string 'yes'; did you mean true?"),
        ("rows: 1", "2:7: expected true or false, got the whole number 1"),
        # inputs
        ("inputs: age", "2:9: expected a list, got the string 'age'"),
        ("inputs: [age]", "2:10: expected a mapping, got the string 'age'"),
        ("inputs: [{name: age}]", "2:10: missing key 'datatype'; add 'datatype: ...'"),
        ("inputs: [{datatype: FP64}]", "2:10: missing key 'name'; add 'name: ...'"),
        ("inputs: [{name: age, type: FP64}]", "2:22: unknown key 'type'; did you mean 'datatype'?"),
        ("inputs: [{name: 3, datatype: FP64}]", "2:17: expected a string, got the whole number 3; put it in quotes"),
        ("inputs: [{name: '', datatype: FP64}]", "2:17: expected at least one character, got the string ''"),
        (
            "inputs: [{name: a, datatype: FP64}, {name: b, datatype: FP64}, {name: a, datatype: BOOL}]",
            "2:71: two inputs are named 'a'",
        ),
        ("inputs: {'': FP64}", "2:14: an input has an empty name"),
        ("inputs: {age: {datatype: FP64}}", f"2:15: {DATATYPES}, got a mapping"),
        ("inputs: {age: }", f"2:10: {DATATYPES}, got nothing"),
        ("inputs: {age: FP64, plan: text}", f"2:27: {DATATYPES}, got the string 'text'; did you mean BYTES?"),
        # keys
        ("max_size: 3", "2:1: unknown key 'max_size'; did you mean 'batching.max_size'?"),
        ("limits: {trusted: 3}", "2:10: unknown key 'trusted'; 'trusted' belongs at the top level, not under 'limits'"),
        ("limits: {timeout: 3}", "2:10: unknown key 'timeout'; did you mean 'timeout_s'?"),
        ("zzz: 3", "2:1: unknown key 'zzz'"),
        (
            "<<: {trusted: true}",
            "2:1: merge keys ('<<') are not part of YAML 1.2; put shared keys under 'defaults' in server.yaml",
        ),
        # routes
        ("route: /v2/models/m", "2:8: /v2 is reserved for the server"),
        ("route: /models", "2:8: /models is reserved for the server"),
        ("route: /-/console", "2:8: /- is reserved for the server"),
        (
            "route: fraud/",
            "2:8: expected a path such as /models/churn, of letters, digits, '.', '_', '-' and '~',"
            " got the string 'fraud/'; did you mean '/fraud'?",
        ),
    ],
)
def test_a_wrong_value_is_reported_in_plain_words(folder, line, reported):
    assert folder.of_model(f"name: m\n{line}\n") == [reported]


@pytest.mark.parametrize("route", ["/", "/a//b", "/a/", "/a/../b", "/a/.", "/a b", "/a?b", "/é", "/.hidden", "a", ""])
def test_a_route_is_an_absolute_path_of_clean_segments(folder, route):
    (reported,) = folder.of_model(f"name: m\nroute: '{route}'\n")
    assert reported.startswith("2:8: expected a path such as /models/churn")


@pytest.mark.parametrize("route", ["/v1", "/v2", "/v1/x", "/live", "/ready", "/models", "/metrics", "/-/x"])
def test_the_servers_own_routes_are_reserved(folder, route):
    (reported,) = folder.of_model(f"name: m\nroute: {route}\n")
    assert reported.endswith("is reserved for the server")


@pytest.mark.parametrize(
    "route", ["/fraud", "/models/fraud", "/a/b/c", "/v3", "/livestock", "/metrics/x", "/a-b.c_d~e"]
)
def test_other_routes_are_free(folder, route):
    assert folder.write({"models/m.yaml": f"name: m\nroute: {route}\n"}).load().models[0].url_path == route


@pytest.mark.parametrize(
    ("name", "reported"),
    [
        ("Churn Model", "did you mean 'churn-model'?"),
        ("-x", "did you mean 'x'?"),
        ("'churn\n\n'", "did you mean 'churn'?"),
        ("a" * 64, f"did you mean '{'a' * 63}'?"),
        ("''", "got the string ''"),
        ("é", "got the string 'é'"),
        ("a/b", "did you mean 'a-b'?"),
        ("12", "expected a string, got the whole number 12; put it in quotes"),
        ("gateway", "the name 'gateway' is reserved for the server"),
    ],
)
def test_a_name_that_cannot_be_is_explained(folder, name, reported):
    (line,) = folder.of_model(f"name: {name}\n")
    assert line.startswith("1:7: ")
    assert line.endswith(reported)


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("", "1:1: the file is empty; write 'name: m'"),
        ("# nothing\n", "1:1: the file is empty; write 'name: m'"),
        ("trusted: true\n", "1:1: missing key 'name'; add 'name: m'"),
        ("nmae: x\n", "1:1: unknown key 'nmae'; did you mean 'name'?"),
        ("- name: x\n", "1:1: expected a mapping of keys, got a list"),
        ("churn\n", "1:1: expected a mapping of keys, got the string 'churn'"),
    ],
)
def test_a_file_without_a_name_is_reported(folder, text, reported):
    assert folder.of_model(text) == [reported]


def test_options_hold_what_their_model_likes(folder):
    text = "name: m\noptions: {zip: 012, 1: {on: [.inf, ~]}, name: x}\n"
    (spec,) = folder.write({"models/m.yaml": text}).load().models
    assert spec.options == {"zip": 12, "1": {"on": [float("inf"), None]}, "name": "x"}


def test_an_error_in_an_aliased_value_is_reported_at_its_anchor(folder):
    assert folder.of_model("name: m\nlabels: &l [1]\noptions: {again: *l}\n") == [
        "2:13: expected a string, got the whole number 1; put it in quotes"
    ]


def test_a_file_full_of_errors_reports_only_the_first_of_them(folder):
    text = "name: m\n" + "".join(f"zzz{n}: 1\n" for n in range(MAX_ERRORS + 50))
    reported = folder.of_model(text)
    assert len(reported) == MAX_ERRORS + 1
    assert reported[-1] == f"{MAX_ERRORS + 2}:1: there are more errors from here on; fix the others first"


@pytest.mark.parametrize(
    ("written", "low", "high"),
    [
        ("3", 3, 3),
        ("{max: 4}", 1, 4),
        ("{min: 2}", 2, 2),
        ("{min: 0}", 0, 1),
        ("{min: 1}", 1, 1),
        ("{}", 1, 1),
        ("{min: 2, max: 5}", 2, 5),
    ],
)
def test_replicas_may_be_a_number_or_either_bound(folder, written, low, high):
    replicas = folder.write({"models/m.yaml": f"name: m\nreplicas: {written}\n"}).load().models[0].replicas
    assert (replicas.min, replicas.max) == (low, high)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("float", "FP64"),
        ("Float64", "FP64"),
        ("double", "FP64"),
        ("number", "FP64"),
        ("fp64", "FP64"),
        ("FP46", "FP64"),
        ("float32", "FP32"),
        ("FP16", "FP32"),
        ("string", "BYTES"),
        ("str", "BYTES"),
        ("object", "BYTES"),
        ("category", "BYTES"),
        ("STRING", "BYTES"),
        ("int", "INT64"),
        ("integer", "INT64"),
        ("int32", "INT64"),
        ("UINT8", "INT64"),
        ("bool", "BOOL"),
        ("boolean", "BOOL"),
        ("date", "DATETIME"),
        ("timestamp", "DATETIME"),
        ("datetime64[ns]", "DATETIME"),
    ],
)
def test_the_datatype_that_another_name_was_meant_for_is_suggested(folder, written, meant):
    reported = f"{DATATYPES}, got the string {written!r}; did you mean {meant}?"
    assert folder.of_model(f"name: m\ninputs:\n- name: age\n  datatype: '{written}'\n") == [f"4:13: {reported}"]
    assert folder.of_model(f"name: m\ninputs:\n  age: '{written}'\n") == [f"3:8: {reported}"]


@pytest.mark.parametrize("written", ["nothing like it", "7"])
def test_no_datatype_is_suggested_for_what_is_like_none(folder, written):
    (reported,) = folder.of_model(f"name: m\ninputs: [{{name: a, datatype: {written}}}]\n")
    assert reported.startswith(f"2:30: {DATATYPES}, got the ")
    assert "did you mean" not in reported


def test_every_wrong_input_is_reported(folder):
    assert folder.of_model("name: m\ninputs: {a: int, b: FP64, c: [1]}\n") == [
        f"2:13: {DATATYPES}, got the string 'int'; did you mean INT64?",
        f"2:30: {DATATYPES}, got a list",
    ]


def test_the_content_of_a_variable_is_not_shown_for_a_datatype(folder):
    (reported,) = folder.of_model("name: m\ninputs: {a: '${KIND}'}\n", KIND="float")
    assert reported == f"2:13: {DATATYPES}, got a string from ${{KIND}}"


@pytest.mark.parametrize(
    "written", ["[{name: age, datatype: FP64}, {name: at, datatype: DATETIME}]", "{age: FP64, at: DATETIME}"]
)
def test_inputs_are_a_list_or_a_mapping_from_name_to_datatype(folder, written):
    spec = folder.write({"models/m.yaml": f"name: m\ninputs: {written}\n"}).load().models[0]
    assert spec.inputs == [InputType(name="age", datatype="FP64"), InputType(name="at", datatype="DATETIME")]


@pytest.mark.parametrize("written", ["[]", "{}"])
def test_there_may_be_no_inputs(folder, written):
    assert folder.write({"models/m.yaml": f"name: m\ninputs: {written}\n"}).load().models[0].inputs == []


@pytest.mark.parametrize("written", ["off", "'off'", "{max_size: 1}"])
def test_batching_off_is_a_call_for_each_row(folder, written):
    batching = folder.write({"models/m.yaml": f"name: m\nbatching: {written}\n"}).load().models[0].batching
    assert (batching.max_size, batching.max_delay_ms) == (1, 0)


@pytest.mark.parametrize("written", ["latest", "all", "{latest: 2}", "[1, 3]"])
def test_versions_have_four_forms(folder, written):
    versions = folder.write({"models/m.yaml": f"name: m\nversions: {written}\n"}).load().models[0].versions
    shown = f"{{latest: {versions.latest}}}" if hasattr(versions, "latest") else str(versions)
    assert shown == written


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("http: {port: 80000}", "1:14: expected at most 65535, got the whole number 80000"),
        (
            "http: {host: 'a b; rm'}",
            "1:14: expected an address such as 127.0.0.1, or a host name, got the string 'a b; rm'",
        ),
        ("ray: {address: 3}", "1:16: expected a string, got the whole number 3; put it in quotes"),
        ("ray: {address: somewhere}", "1:16: expected local or <host>:<port>, got the string 'somewhere'"),
        ("state: ''", "1:8: expected the path of a folder, got the string ''"),
        ('repository: {path: "a\\0b"}', "1:20: expected the path of a folder, got the string 'a\\x00b'"),
        ("port: 80", "1:1: unknown key 'port'; did you mean 'http.port'?"),
        ("zzz: 80", "1:1: unknown key 'zzz'"),
        (
            "defaults: {replicas: {name: m}}",
            "1:23: unknown key 'name'; it belongs in a model's file",
        ),
        ("- 1", "1:1: expected a mapping of keys, got a list"),
        ("defaults: {name: x}", "1:12: 'name' cannot have a default; set it in the model's file"),
        ("defaults: {replicas: {mx: 1}}", "1:23: unknown key 'mx'; did you mean 'max'?"),
        ("defaults: {inputs: {age: FP64}}", "1:12: 'inputs' cannot have a default; set it in the model's file"),
        ("defaults: {rows: true}", "1:12: 'rows' cannot have a default; set it in the model's file"),
        ("defaults: {batching: of}", "1:22: expected off or a mapping, got the string 'of'; did you mean off?"),
        ("defaults: {limits: {queue: x}}", "1:28: expected a whole number, got the string 'x'"),
    ],
)
def test_a_wrong_server_file_is_reported(folder, text, reported):
    folder.write({"server.yaml": text, "models/a.yaml": "name: a\n", "models/b.yaml": "name: b\nlimits: {queue: 2}\n"})
    assert folder.reported() == [f"server.yaml:{reported}"]


@pytest.mark.parametrize("address", ["local", "ray-head:6379", "10.0.0.1:6379", "'[::1]:6379'"])
def test_ray_is_here_or_at_an_address(folder, address):
    server = folder.write({"server.yaml": f"ray:\n  address: {address}\n"}).load().server
    assert server.ray.address == address.strip("'")
