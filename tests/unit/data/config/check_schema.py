# SPDX-License-Identifier: Apache-2.0
"""check_schema.py SCHEMA FILE...: whether each FILE is what the JSON Schema says, as an editor would see it.

Prints "valid FILE" or "invalid FILE: why" for each; a FILE that is no YAML is "unreadable FILE".
"""
import json
import re
import sys

import jsonschema
import yaml


class Core(yaml.SafeLoader):
    """YAML 1.2's core schema, which editors use, instead of PyYAML's 1.1: no sexagesimals, dates, yes or no."""


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|false)$", list("tf")),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
):
    Core.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), first)


def integer(loader, node):
    text = loader.construct_scalar(node)
    return int(text, 0 if text[:2] in ("0x", "0o") else 10)


Core.add_constructor("tag:yaml.org,2002:int", integer)


def mapping(loader, node):
    """Keys are strings, as in JSON, whatever they look like."""
    return {k.value: loader.construct_object(v, deep=True) for k, v in node.value}


Core.add_constructor("tag:yaml.org,2002:map", mapping)

with open(sys.argv[1], encoding="utf-8") as f:
    schema = json.load(f)
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
for name in sys.argv[2:]:
    with open(name, "rb") as f:
        try:
            data = yaml.load(f, Core)
        except (yaml.YAMLError, ValueError, TypeError):
            print("unreadable", name)
            continue
    why = next(validator.iter_errors(data), None)
    print("valid " + name if why is None else f"invalid {name}: {why.json_path}: {why.message:.100}")
