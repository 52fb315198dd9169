"""The OpenAPI description of the endpoints."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def test_the_description_is_valid_and_without_warnings(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(tmp_path / "schema.yaml"))


def test_every_endpoint_is_described(schema):
    paths = schema["paths"]
    described = {(path.removeprefix("/recs"), method) for path in paths for method in paths[path]}
    assert described == {
        ("/v1/recommendations/", "get"),
        ("/v1/items/{id}/similar/", "get"),
        ("/v1/placements/{slug}/", "get"),
        ("/v1/placements/", "post"),
        ("/v1/events/", "post"),
        ("/v1/impressions/", "post"),
        ("/v1/feedback/", "post"),
        ("/v1/feedback/{id}/", "delete"),
        ("/v1/models/", "get"),
        ("/v1/models/{id}/", "get"),
        ("/v1/models/{id}/publish/", "post"),
        ("/v1/models/{id}/cancel/", "post"),
        ("/v1/models/retrain/", "post"),
        ("/v1/models/rollback/", "post"),
    }


@pytest.mark.parametrize(
    ("path", "code"),
    [("/v1/models/retrain/", "202"), ("/v1/models/{id}/cancel/", "202"), ("/v1/models/rollback/", "200")],
)
def test_the_description_says_which_answer_to_expect(schema, path, code):
    assert list(schema["paths"][f"/recs{path}"]["post"]["responses"]) == [code]


def test_no_description_mentions_a_user(schema):
    public = [path for path in schema["paths"] if "models" not in path]
    parameters = [
        parameter["name"]
        for path in public
        for operation in schema["paths"][path].values()
        for parameter in operation.get("parameters", [])
    ]
    assert parameters
    assert not [name for name in parameters if "user" in name or "visitor" in name]
