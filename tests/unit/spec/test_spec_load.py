"""A folder to a Config, and every way in which it can be wrong."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployments.spec.diagnostic import SpecError
from deployments.spec.load import MOST_PROBLEMS, load
from deployments.spec.model import Batching, Limits, ModelSpec, Replicas, Resources
from deployments.spec.server import ServerSpec


def test_a_name_is_all_that_a_model_needs(folder):
    config = folder.write({"models/churn.yaml": "name: churn\n"}).load()
    assert config.server == ServerSpec()
    assert config.models == (ModelSpec(name="churn"),)
    assert config.sources == {"churn": folder.path / "models/churn.yaml"}
    assert config.root == folder.path.parent


def test_the_file_that_the_design_shows_is_read(folder):
    text = """\
# yaml-language-server: $schema=../schema/model.json
name: churn                     # the route is /models/churn unless `route` says otherwise
runtime: onnx                   # onnx | sklearn | python:<module>:<Class>; default: from the artefact
versions: latest                # latest | all | {latest: 2} | [1, 3]
replicas: {min: 1, max: 4, target_in_flight: 8}       # or a number; min: 0 scales to zero
batching: {max_size: 64, max_delay_ms: 0}
limits: {queue: 256, timeout_s: 10}
resources: {cpus: 1, memory: 512MiB}
"""
    (spec,) = folder.write({"models/churn.yaml": text}).load().models
    assert spec == ModelSpec(
        name="churn",
        runtime="onnx",
        versions="latest",
        replicas=Replicas(min=1, max=4, target_in_flight=8),
        batching=Batching(max_size=64, max_delay_ms=0),
        limits=Limits(queue=256, timeout_s=10),
        resources=Resources(cpus=1, memory=512 * 2**20),
    )


def test_the_misspelt_key_that_the_design_shows_is_rendered_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("serve_config/models").mkdir(parents=True)
    Path("serve_config/models/churn.yaml").write_text("name: churn\nruntime: onnx\n\nreplcas: 2\n")
    with pytest.raises(SpecError) as caught:
        load(Path("serve_config"), {})
    assert str(caught.value) == (
        "serve_config/models/churn.yaml:4:1: error: unknown key 'replcas'\n"
        "    4 | replcas: 2\n"
        "      | ^^^^^^^ did you mean 'replicas'?"
    )


def test_models_come_by_name_and_only_from_files_that_an_editor_means(folder):
    kept = {"models/z.yaml": "name: a", "models/b.yml": "name: c", "models/a.yaml": "name: b"}
    left = [
        "models/.z.yaml",
        "models/#z.yaml",
        "models/~z.yaml",
        "models/z.yaml~",
        "models/z.yaml.swp",
        "models/README.md",
    ]
    config = folder.write(kept | dict.fromkeys(left, "]")).load()
    assert [model.name for model in config.models] == ["a", "b", "c"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\ufeff# nothing\n"])
def test_a_server_file_that_says_nothing_is_the_defaults(folder, text):
    assert folder.write({"server.yaml": text}).load().server == ServerSpec()


def test_no_models_are_no_error(folder):
    assert folder.load().models == ()


def test_places_are_relative_to_the_folder_above(folder):
    config = folder.write({"server.yaml": "repository: {path: ../models}\nstate: /var/lib/modelyard\n"}).load()
    assert config.repository_root == folder.path.parent / "../models"
    assert config.state_dir == Path("/var/lib/modelyard")


def test_a_linked_folder_is_where_its_link_stands(folder, tmp_path):
    folder.write({"models/m.yaml": "name: m"})
    link = tmp_path / "elsewhere" / "serve_config"
    link.parent.mkdir()
    link.symlink_to(folder.path)
    assert load(link, {}).root == link.parent


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(SpecError, match="no-such: error: there is no such folder"):
        load(tmp_path / "no-such", {})


def test_a_folder_that_the_system_refuses_is_told(tmp_path):
    with pytest.raises(SpecError, match="error: cannot be read: File name too long"):
        load(tmp_path / ("x" * 300), {})


def test_a_file_in_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match="file: error: not a folder"):
        load(tmp_path / "file", {})


def test_a_file_in_place_of_the_models_is_told(folder):
    assert folder.write({"models": ""}).told() == ["models:0:0: not a folder"]


def test_a_server_file_that_would_be_passed_over_is_told(folder):
    told = folder.write({"server.yml": ""}).told()
    assert told == ["server.yml:0:0: this file is not read; its name must be server.yaml"]


def test_a_folder_named_like_a_model_file_is_told(folder):
    (folder.path / "models" / "m.yaml").mkdir(parents=True)
    assert folder.told() == ["models/m.yaml:0:0: not a regular file"]


def test_every_error_of_every_file_is_told_at_once(folder):
    folder.write(
        {
            "server.yaml": "http: {port: 0}\nbdy: 1\n",
            "models/a.yaml": "name: a\nx: 1\nreplicas: four\n",
            "models/b.yaml": "name: b\n\tx: 1\n",
            "models/c.yaml": b"name: \xff",
            "models/d.yaml": "name: d\nlimits: {queue: 0}\npath: ${NOPE}\nname: e\n",
            "models/fine.yaml": "name: fine\n",
        }
    )
    assert [line.split(": ")[0] for line in folder.told()] == [
        "models/a.yaml:2:1",
        "models/a.yaml:3:11",
        "models/b.yaml:2:1",
        "models/c.yaml:1:7",
        "models/d.yaml:2:17",
        "models/d.yaml:3:7",
        "models/d.yaml:4:1",
        "server.yaml:1:14",
        "server.yaml:2:1",
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        # kinds
        ("replicas: four", "2:11: expected a mapping, got the string 'four'"),
        ("replicas: {max: four}", "2:17: expected a whole number, got the string 'four'"),
        ("limits: {queue: 4.0}", "2:17: expected a whole number, got the number 4.0; did you mean 4?"),
        ("limits: {queue: 4.5}", "2:17: expected a whole number, got the number 4.5"),
        ("limits: {queue: true}", "2:17: expected a whole number, got the flag true"),
        ("limits: {queue: '4'}", "2:17: expected a whole number, got the string '4'; leave out the quotes"),
        ("limits: {queue: 1_000}", "2:17: expected a whole number, got the string '1_000'"),
        ("limits: {timeout_s: [1]}", "2:21: expected a number, got a list"),
        ("limits: {timeout_s: .inf}", "2:21: expected a finite number, got the number .inf"),
        ("limits: {timeout_s: .nan}", "2:21: expected a finite number, got the number .nan"),
        ("limits:", "2:1: expected a mapping, got nothing"),
        ("limits: null", "2:9: expected a mapping, got null"),
        ("limits: [queue]", "2:9: expected a mapping, got a list"),
        ("required: yes", "2:11: expected true or false, got the string 'yes'; did you mean true?"),
        ("trusted: Off", "2:10: expected true or false, got the string 'Off'; did you mean false?"),
        ("trusted: 'true'", "2:10: expected true or false, got the string 'true'; leave out the quotes"),
        ("trusted: maybe", "2:10: expected true or false, got the string 'maybe'"),
        ("description: 12", "2:14: expected a string, got the whole number 12; put it in quotes"),
        ("description: {}", "2:14: expected a string, got a mapping"),
        ("labels: a", "2:9: expected a list, got the string 'a'"),
        ("labels: [a, 1]", "2:13: expected a string, got the whole number 1; put it in quotes"),
        ("labels: [a, true]", "2:13: expected a string, got the flag true; put it in quotes"),
        ("options: [1]", "2:10: expected a mapping, got a list"),
        (f"description: {{{'x' * 50}: 1}}", "2:14: expected a string, got a mapping"),
        (
            f"runtime: {'x' * 50}",
            f"2:10: expected onnx, sklearn or python:<module>:<Class>, got the string '{'x' * 40}…'",
        ),
        # ranges
        ("replicas: {max: 0}", "2:17: expected at least 1, got the whole number 0"),
        ("replicas: -1", "2:11: a fixed number of replicas is at least 1; {min: 0, max: 1} scales to zero"),
        ("replicas: 100000", "2:11: expected at most 10000, got the whole number 100000"),
        ("load_timeout_s: 0", "2:17: expected more than 0, got the whole number 0"),
        ("load_timeout_s: 1e6", "2:17: expected at most 86400, got the number 1e6"),
        ("replicas: {min: 3, max: 2}", "2:17: replicas.min is 3, which is above replicas.max, 2"),
        # sizes
        (
            "resources: {memory: 512mb}",
            "2:21: expected a size such as 512MiB, 1.5GB or a number of bytes, got the string '512mb';"
            " did you mean 512MB?",
        ),
        ("resources: {memory: 0}", "2:21: expected at least 1, got the whole number 0"),
        ("resources: {memory: 1.5}", "2:21: expected a whole number, got the number 1.5"),
        ("resources: {memory: 0.1B}", "2:21: expected at least 1, got the string '0.1B'"),
        # forms
        ("versions: newest", "2:11: expected latest or all, got the string 'newest'"),
        ("versions: lates", "2:11: expected latest or all, got the string 'lates'; did you mean latest?"),
        ("versions: 3", "2:11: expected latest, all, {latest: N} or a list of version numbers, got the whole number 3"),
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
            "2:12: 012 is 12 in YAML 1.2, but octal elsewhere; write 12, or 0o12 where octal was meant",
        ),
        ("replicas: 010", "2:11: 010 is 10 in YAML 1.2, but octal elsewhere; write 10, or 0o10 where octal was meant"),
        ("labels: [007]", "2:10: expected a string, got the whole number 007; put it in quotes"),
        # keys
        ("max_size: 3", "2:1: unknown key 'max_size'; did you mean 'batching.max_size'?"),
        ("limits: {trusted: 3}", "2:10: unknown key 'trusted'; 'trusted' belongs at the top, not under 'limits'"),
        ("limits: {timeout: 3}", "2:10: unknown key 'timeout'; did you mean 'timeout_s'?"),
        ("zzz: 3", "2:1: unknown key 'zzz'"),
        (
            "<<: {trusted: true}",
            "2:1: merge keys ('<<') are not part of YAML 1.2; models share keys through 'defaults' in server.yaml",
        ),
        # routes
        ("route: /v2/models/m", "2:8: /v2 is the server's own"),
        ("route: /models", "2:8: /models is the server's own"),
        ("route: /-/console", "2:8: /- is the server's own"),
        (
            "route: fraud/",
            "2:8: expected a path such as /models/churn, of letters, digits, '.', '_', '-' and '~',"
            " got the string 'fraud/'; did you mean '/fraud'?",
        ),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(folder, line, told):
    assert folder.of_model(f"name: m\n{line}\n") == [told]


@pytest.mark.parametrize("route", ["/", "/a//b", "/a/", "/a/../b", "/a/.", "/a b", "/a?b", "/é", "/.hidden", "a", ""])
def test_a_route_is_an_absolute_path_of_clean_segments(folder, route):
    (told,) = folder.of_model(f"name: m\nroute: '{route}'\n")
    assert told.startswith("2:8: expected a path such as /models/churn")


@pytest.mark.parametrize("route", ["/v1", "/v2", "/v1/x", "/live", "/ready", "/models", "/metrics", "/-/x"])
def test_the_servers_own_routes_are_taken(folder, route):
    (told,) = folder.of_model(f"name: m\nroute: {route}\n")
    assert told.endswith("is the server's own")


@pytest.mark.parametrize(
    "route", ["/fraud", "/models/fraud", "/a/b/c", "/v3", "/livestock", "/metrics/x", "/a-b.c_d~e"]
)
def test_other_routes_are_free(folder, route):
    assert folder.write({"models/m.yaml": f"name: m\nroute: {route}\n"}).load().models[0].url_path == route


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Churn Model", "did you mean 'churn-model'?"),
        ("-x", "did you mean 'x'?"),
        ("'churn\n\n'", "did you mean 'churn'?"),
        ("a" * 64, f"did you mean '{'a' * 63}'?"),
        ("''", "got the string ''"),
        ("é", "got the string 'é'"),
        ("a/b", "did you mean 'a-b'?"),
        ("12", "expected a string, got the whole number 12; put it in quotes"),
        ("gateway", "the name 'gateway' is the server's own"),
    ],
)
def test_a_name_that_cannot_be_is_explained(folder, name, told):
    (line,) = folder.of_model(f"name: {name}\n")
    assert line.startswith("1:7: ")
    assert line.endswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1:1: the file is empty; write 'name: m'"),
        ("# nothing\n", "1:1: the file is empty; write 'name: m'"),
        ("trusted: true\n", "1:1: missing key 'name'; add 'name: m'"),
        ("nmae: x\n", "1:1: unknown key 'nmae'; did you mean 'name'?"),
        ("- name: x\n", "1:1: expected a mapping of keys, got a list"),
        ("churn\n", "1:1: expected a mapping of keys, got the string 'churn'"),
    ],
)
def test_a_file_without_a_name_is_told(folder, text, told):
    assert folder.of_model(text) == [told]


def test_options_hold_what_their_model_likes(folder):
    text = "name: m\noptions: {zip: 012, 1: {on: [.inf, ~]}, name: x}\n"
    (spec,) = folder.write({"models/m.yaml": text}).load().models
    assert spec.options == {"zip": 12, "1": {"on": [float("inf"), None]}, "name": "x"}


def test_a_mistake_behind_an_alias_is_told_where_it_is_written(folder):
    assert folder.of_model("name: m\nlabels: &l [1]\noptions: {again: *l}\n") == [
        "2:13: expected a string, got the whole number 1; put it in quotes"
    ]


def test_a_file_full_of_errors_tells_only_the_first_of_them(folder):
    text = "name: m\n" + "".join(f"zzz{n}: 1\n" for n in range(MOST_PROBLEMS + 50))
    told = folder.of_model(text)
    assert len(told) == MOST_PROBLEMS + 1
    assert told[-1] == f"{MOST_PROBLEMS + 2}:1: there are more errors from here on; mend the others first"


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


@pytest.mark.parametrize("written", ["latest", "all", "{latest: 2}", "[1, 3]"])
def test_versions_take_their_four_forms(folder, written):
    versions = folder.write({"models/m.yaml": f"name: m\nversions: {written}\n"}).load().models[0].versions
    shown = f"{{latest: {versions.latest}}}" if hasattr(versions, "latest") else str(versions)
    assert shown == written


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http: {port: 80000}", "1:14: expected at most 65535, got the whole number 80000"),
        (
            "http: {host: 'a b; rm'}",
            "1:14: expected an address such as 127.0.0.1 or a host's name, got the string 'a b; rm'",
        ),
        ("ray: {address: 3}", "1:16: expected a string, got the whole number 3; put it in quotes"),
        ("ray: {address: somewhere}", "1:16: expected local or <host>:<port>, got the string 'somewhere'"),
        ("state: ''", "1:8: expected a folder's path, got the string ''"),
        ('repository: {path: "a\\0b"}', "1:20: expected a folder's path, got the string 'a\\x00b'"),
        ("port: 80", "1:1: unknown key 'port'; did you mean 'http.port'?"),
        ("- 1", "1:1: expected a mapping of keys, got a list"),
        ("defaults: {name: x}", "1:12: 'name' cannot have a default; it belongs in a model's own file"),
        ("defaults: {replicas: {mx: 1}}", "1:23: unknown key 'mx'; did you mean 'max'?"),
        ("defaults: {limits: {queue: x}}", "1:28: expected a whole number, got the string 'x'"),
    ],
)
def test_a_wrong_server_file_is_told(folder, text, told):
    folder.write({"server.yaml": text, "models/a.yaml": "name: a\n", "models/b.yaml": "name: b\nlimits: {queue: 2}\n"})
    assert folder.told() == [f"server.yaml:{told}"]


@pytest.mark.parametrize("address", ["local", "ray-head:6379", "10.0.0.1:6379", "'[::1]:6379'"])
def test_ray_is_here_or_at_an_address(folder, address):
    server = folder.write({"server.yaml": f"ray:\n  address: {address}\n"}).load().server
    assert server.ray.address == address.strip("'")


def test_defaults_lie_under_each_models_own_keys(folder):
    folder.write(
        {
            "server.yaml": "defaults:\n  trusted: true\n  versions: {latest: 2}\n  limits: {queue: 9, timeout_s: 3}\n",
            "models/a.yaml": "name: a\n",
            "models/b.yaml": "name: b\ntrusted: false\nversions: [1]\nlimits: {queue: 5}\n",
        }
    )
    a, b = folder.load().models
    assert (a.trusted, a.versions, a.limits) == (
        True,
        folder.load().server.defaults.versions,
        Limits(queue=9, timeout_s=3),
    )
    assert (b.trusted, b.versions, b.limits) == (False, [1], Limits(queue=5, timeout_s=3))


def test_a_models_own_null_wins_over_a_default(folder):
    folder.write(
        {"server.yaml": "defaults: {resources: {memory: 1GB}}", "models/a.yaml": "name: a\nresources: {memory: ~}"}
    )
    assert folder.load().models[0].resources.memory is None


@pytest.mark.parametrize(
    ("default", "own", "low", "high"),
    [
        ("3", "{}", 3, 3),
        ("3", "{max: 5}", 3, 5),
        ("3", "{max: 2}", 2, 2),
        ("{max: 4}", "{min: 6}", 6, 6),
        ("{max: 4}", "{min: 2}", 2, 4),
        ("{min: 2, max: 4}", "1", 1, 1),
        ("{min: 2}", "{target_in_flight: 3}", 2, 2),
    ],
)
def test_a_default_bound_of_replicas_yields_to_a_models_own(folder, default, own, low, high):
    folder.write({"server.yaml": f"defaults:\n  replicas: {default}\n", "models/a.yaml": f"name: a\nreplicas: {own}\n"})
    replicas = folder.load().models[0].replicas
    assert (replicas.min, replicas.max) == (low, high)


def test_a_fixed_number_of_replicas_keeps_the_sections_other_defaults(folder):
    folder.write(
        {"server.yaml": "defaults: {replicas: {target_in_flight: 3}}", "models/a.yaml": "name: a\nreplicas: 2\n"}
    )
    assert folder.load().models[0].replicas == Replicas(min=2, max=2, target_in_flight=3)


def test_a_mistake_beside_defaults_is_told_in_the_models_file(folder):
    folder.write(
        {"server.yaml": "defaults: {limits: {queue: 9}}", "models/a.yaml": "name: a\nlimits: {timeout_s: x}\n"}
    )
    assert folder.told() == ["models/a.yaml:2:21: expected a number, got the string 'x'"]


def test_two_models_of_one_name_are_told_at_both_places(folder):
    folder.write({"models/a.yaml": "name: x\n", "models/b.yaml": "trusted: 1\nname: x\n"})
    assert folder.told() == [
        f"models/a.yaml:1:7: two models are named 'x'; see {folder.path}/models/b.yaml:2",
        "models/b.yaml:1:10: expected true or false, got the whole number 1",
        f"models/b.yaml:2:7: two models are named 'x'; see {folder.path}/models/a.yaml:1",
    ]


def test_two_models_of_one_route_are_told_at_both_places(folder):
    folder.write({"models/a.yaml": "name: a\nroute: /models/b\n", "models/b.yaml": "name: b\n"})
    assert folder.told() == [
        f"models/a.yaml:2:8: two models have the route /models/b; see {folder.path}/models/b.yaml:1",
        f"models/b.yaml:1:7: two models have the route /models/b; see {folder.path}/models/a.yaml:2",
    ]


def test_a_route_below_another_is_told_at_both_places(folder):
    folder.write({"models/a.yaml": "name: a\n", "models/b.yaml": "name: b\nroute: /models/a/x/y\n"})
    assert folder.told() == [
        f"models/a.yaml:1:7: /models/a hides /models/a/x/y, the route of 'b'; see {folder.path}/models/b.yaml:2",
        f"models/b.yaml:2:8: /models/a/x/y lies below /models/a, the route of 'a'; see {folder.path}/models/a.yaml:1",
    ]


def test_a_route_that_only_begins_like_another_is_free(folder):
    folder.write(
        {"models/a.yaml": "name: a\n", "models/b.yaml": "name: a-b\n", "models/c.yaml": "name: c\nroute: /models/ab"}
    )
    assert len(folder.load().models) == 3


ANYTHING = st.text(st.characters(codec="utf-8"), max_size=30)
WORDS = (
    "name replicas min limits versions latest route options labels defaults body m x 1 012 -1 .nan 1e99 true ~ 1MiB é"
)
MARKS = [
    *"[]{}#|/'\"$\n\t",
    ": ",
    ":\n  ",
    "- ",
    ", ",
    "  ",
    "${A}",
    "${B:-1}",
    "$$",
    "&a ",
    "*a",
    "!t ",
    "<<",
    "...",
    "\0",
]
FRAGMENTS = st.lists(st.sampled_from([*WORDS.split(), *MARKS]), max_size=25).map("".join)
"""Pieces of what such files are made of, in any order."""


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(server=ANYTHING | FRAGMENTS, model=ANYTHING | FRAGMENTS.map("name: m\n".__add__) | FRAGMENTS)
def test_any_text_is_a_config_or_a_spec_error(folder, server, model):
    folder.write({"server.yaml": server, "models/m.yaml": model})
    try:
        folder.load(A="1")
    except SpecError as error:
        assert str(error)
        assert "Input should" not in str(error)
        assert "something else" not in str(error)


def test_a_default_model_is_one_of_those_that_there_are(folder):
    folder.write({"server.yaml": "default_model: churn\n", "models/churn.yaml": "name: churn\n"})
    assert folder.load().server.default_model == "churn"


def test_a_default_model_that_no_file_is_about_is_refused_with_the_nearest(folder):
    folder.write({"server.yaml": "default_model: chrun\n", "models/churn.yaml": "name: churn\n"})
    assert folder.told() == ["server.yaml:1:16: there is no model 'chrun'; did you mean 'churn'?"]
