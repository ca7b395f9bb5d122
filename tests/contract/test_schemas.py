"""The tables that people and rules rely on follow their schemas."""

from __future__ import annotations

import pytest
import yaml
from jsonschema import Draft202012Validator

from wbir.discovery import REPOSITORY as ROOT
from wbir.discovery import WORKFLOW
from wbir.files import read_rows
from wbir.records import COLUMNS


def validator(name: str) -> Draft202012Validator:
    schema = yaml.safe_load((WORKFLOW / "schemas" / f"{name}.schema.yaml").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", ["config", "paper", "dataset", "measurement"])
def test_schemas_are_schemas(name: str) -> None:
    validator(name)


def test_every_data_set_s_row_follows_the_schema() -> None:
    rows = read_rows(ROOT / "config" / "datasets.csv")
    faults = [
        f"{row['dataset']}/{row['file']}: {e.message}" for row in rows for e in validator("dataset").iter_errors(row)
    ]
    assert rows and not faults


def test_the_columns_of_measurements_are_the_schema_s() -> None:
    assert list(COLUMNS) == validator("measurement").schema["required"]  # type: ignore[index]
