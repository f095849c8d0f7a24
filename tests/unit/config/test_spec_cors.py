"""`http.cors` in server.yaml."""

import pytest


def test_no_origin_is_listed_unless_the_yaml_lists_it(folder):
    assert folder.write({"server.yaml": "body: 1MiB\n"}).load().server.http.cors == []
    origins = ["https://app.example", "http://localhost:3000", "http://[::1]:3000"]
    text = f"http: {{cors: {origins}}}\n"
    assert folder.write({"server.yaml": text}).load().server.http.cors == origins


FORM = "expected an origin in the form that browsers send, such as https://app.example or http://localhost:3000, got the string"


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        ("*", f"{FORM} '*'"),
        ("null", f"{FORM} 'null'"),
        ("app.example", f"{FORM} 'app.example'"),
        ("ftp://app.example", f"{FORM} 'ftp://app.example'"),
        ("https://*.example", f"{FORM} 'https://*.example'"),
        ("https://a b", f"{FORM} 'https://a b'"),
        ("https://app.example/", f"{FORM} 'https://app.example/'; did you mean https://app.example?"),
        ("https://App.Example/x", f"{FORM} 'https://App.Example/x'; did you mean https://app.example?"),
        ("https://a:443", "browsers omit :443 from an https: origin; write https://a"),
        ("http://a:80", "browsers omit :80 from an http: origin; write http://a"),
    ],
)
def test_an_origin_that_no_browser_sends_is_rejected(folder, origin, message):
    folder.write({"server.yaml": f"http:\n  cors:\n    - '{origin}'\n"})
    assert folder.reported() == [f"server.yaml:3:7: {message}"]


def test_more_origins_than_fit_are_rejected(folder):
    folder.write({"server.yaml": f"http: {{cors: [{', '.join(f'http://a{n}' for n in range(33))}]}}\n"})
    assert folder.reported() == ["server.yaml:1:14: expected at most 32 items, got 33"]


def test_grpc_has_no_origins(folder):
    folder.write({"server.yaml": "grpc: {cors: ['https://app.example']}\n"})
    (reported,) = folder.reported()
    assert reported.startswith("server.yaml:1:8: unknown key 'cors'")
