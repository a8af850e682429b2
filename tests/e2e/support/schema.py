#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""schema.py spdx|cyclonedx FILE...: validate SBOMs against the public schemas in tests/data/schema."""
import json
import pathlib
import sys
import warnings

import jsonschema

# Debian 12 has jsonschema 4.10, which knows no other way to resolve references without a network.
warnings.simplefilter("ignore", DeprecationWarning)

HERE = pathlib.Path(__file__).resolve().parent.parent.parent / "data" / "schema"


def load(name):
    return json.loads((HERE / name).read_text())


def main(kind, *files):
    if kind == "spdx":
        schema, store = load("spdx-schema.json"), {}
    else:
        schema = load("bom-1.5.schema.json")
        parts = [load("spdx.schema.json"), load("jsf-0.82.schema.json")]
        store = {part["$id"]: part for part in parts}
    resolver = jsonschema.RefResolver.from_schema(schema, store=store)
    validator = jsonschema.Draft7Validator(schema, resolver=resolver, format_checker=jsonschema.FormatChecker())
    bad = 0
    for name in files:
        errors = list(validator.iter_errors(json.loads(pathlib.Path(name).read_text())))
        for error in errors:
            print(f"{name}: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}")
        bad += len(errors)
    return 1 if bad or not files else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
