#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads emitted files as the platforms do, and compares with what slsc.yaml says.

emit_check.py SLSC_YAML DIR SCHEMA: DIR has sam/, terraform/, knative/, cloudrun/, kubernetes/, openfaas/. On stdout:
what tests/e2e/emit/validate.cjs takes.
"""
import json
import os
import re
import sys

import jsonschema
import yaml
from kubernetes.client import models

SECRETS = {"DB_PASSWORD", "API_TOKEN", "ACCESS"}


def fail(text):
    sys.exit(f"emit_check.py: {text}")


def same(what, got, want):
    if got != want:
        fail(f"{what}: {got!r} instead of {want!r}")


def expand(text):
    """$(NAME) as the kubelet replaces it; none of the names here is there, so that only $$ changes."""
    out, i = "", 0
    while i < len(text):
        if text[i] == "$" and i + 1 < len(text):
            if text[i + 1] == "$":
                out, i = out + "$", i + 2
                continue
            if text[i + 1] == "(" and ")" in text[i + 2:]:
                fail(f"{text!r}: would be expanded")
        out, i = out + text[i], i + 1
    return out


def envsubst(text):
    """As faas-cli: ${NAME} is replaced, $$ is $, a backslash goes before another one and before a slash."""
    out, i = "", 0
    while i < len(text):
        two = text[i:i + 2]
        if two == "${":
            fail(f"{text[i:i + 20]!r}: would be substituted")
        if two in ("$$", "\\\\", "\\/"):
            out, i = out + two[1], i + 2
            continue
        out, i = out + text[i], i + 1
    return out


def template(text):
    """A literal of Terraform's template language."""
    if re.search(r"(?<!\$)(\$\$)*\$\{|(?<!%)(%%)*%\{", text):
        if re.fullmatch(r"\$\{[a-z_.]+\}(/[a-z0-9_./-]+)?", text):
            return text
        if re.search(r"(^|[^$])\$\{|(^|[^%])%\{", text):
            fail(f"{text!r}: would be evaluated")
    return text.replace("$${", "${").replace("%%{", "%{")


def known(data, name, where):
    """Every member of data is one of the model, by the names that Kubernetes' API description has."""
    m = re.fullmatch(r"list\[(.*)\]", name)
    if m:
        for i, d in enumerate(data):
            known(d, m[1], f"{where}[{i}]")
        return
    model = getattr(models, name, None)
    if model is None:
        return
    names = {model.attribute_map[k]: t for k, t in model.openapi_types.items()}
    # this API description is of before Kubernetes 1.29
    names.update({"sleep": "SleepAction"} if name in ("V1Handler", "V1LifecycleHandler") else {})
    for k, v in data.items():
        if k not in names:
            fail(f"{where}.{k}: {name} has no such member")
        known(v, names[k], f"{where}.{k}")


def load(path):
    with open(path, encoding="utf-8") as f:
        return list(yaml.safe_load_all(f))


def check_env(what, f, got, read):
    """got: name -> value, or None of a secret."""
    for name, val in f.get("env", {}).items():
        if name in SECRETS:
            same(f"{what} {name}", got[name], None)
        else:
            same(f"{what} {name}", read(got[name]), val)
    same(f"{what} variables", sorted(got), sorted(f.get("env", {})))


def container_env(c):
    return {e["name"]: e.get("value") for e in c.get("env", [])}


def check_sam(d, functions, schema):
    doc = load(f"{d}/sam/template.yaml")[0]
    jsonschema.Draft4Validator(schema).validate(doc)
    doc["Resources"]["Orders"]["Properties"]["MemorySise"] = 1
    if jsonschema.Draft4Validator(schema).is_valid(doc):
        fail("the schema does not look")
    for f in functions.values():
        props = doc["Resources"][f["camel"]]["Properties"]
        got = props.get("Environment", {"Variables": {}})["Variables"]
        for k, v in got.items():
            if isinstance(v, dict):
                same(k, doc["Parameters"][v["Ref"]]["NoEcho"], True)
        check_env(f"sam {f['camel']}", f, {k: None if isinstance(v, dict) else v for k, v in got.items()}, str)


def strings(j):
    if isinstance(j, str):
        return [j]
    if isinstance(j, dict):
        return [s for k, v in j.items() for s in [k] + strings(v)]
    return [s for v in j for s in strings(v)] if isinstance(j, list) else []


def check_terraform(d, functions):
    with open(f"{d}/terraform/main.tf.json", encoding="utf-8") as f:
        doc = json.load(f)
    for f in functions.values():
        res = doc["resource"]["aws_lambda_function"][f["snake"]]
        got = res.get("environment", {"variables": {}})["variables"]
        for k, v in got.items():
            m = re.fullmatch(r"\$\{var\.([a-z_0-9]+)\}", v)
            if m:
                same(k, doc["variable"][m[1]]["sensitive"], True)
                got[k] = None
        check_env(f"terraform {f['snake']}", f, got, template)
    with open(f"{d}/terraform/main.tf.json", encoding="utf-8") as f:
        doc = json.load(f)
    return strings(doc["resource"]) + strings(doc["output"])


def check_kube(d, functions):
    documents = []
    for kind, read in (("knative", expand), ("cloudrun", str), ("kubernetes", expand)):
        for f in functions.values():
            if f["runtime"] != "http":
                continue
            docs = load(f"{d}/{kind}/{f['label']}.yaml")
            documents += docs
            spec = docs[0]["spec"]["template"]["spec"]
            check_env(f"{kind} {f['label']}", f, container_env(spec["containers"][0]), read)
            if kind != "kubernetes":
                spec = {k: v for k, v in spec.items() if k not in ("containerConcurrency", "timeoutSeconds")}
                known(spec, "V1PodSpec", f"{kind} {f['label']}")
                continue
            for doc in docs:
                name = {"Service": "V1Service", "Deployment": "V1Deployment",
                        "HorizontalPodAutoscaler": "V2beta2HorizontalPodAutoscaler",
                        "PodDisruptionBudget": "V1PodDisruptionBudget"}[doc["kind"]]
                known(doc, name, f"{kind} {f['label']} {doc['kind']}")
    return documents


def check_openfaas(d, functions):
    with open(f"{d}/openfaas/stack.yaml", encoding="utf-8") as f:
        doc = yaml.safe_load(envsubst(f.read()))
    for name, f in doc["functions"].items():
        want = {k: v for k, v in functions[name].get("env", {}).items() if k not in SECRETS}
        got = {k: expand(v) for k, v in f.get("environment", {}).items() if not k.endswith("_FILE")}
        same(f"openfaas {name}", got, want)


def main():
    config, d, schema = sys.argv[1:]
    functions = load(config)[0]["functions"]
    for name, f in functions.items():
        f["camel"] = "".join(w.capitalize() for w in re.split("[-_]", name))
        f["snake"] = name.replace("-", "_")
        f["label"] = name.replace("_", "-")
        f.setdefault("runtime", "lambda")
    with open(schema, encoding="utf-8") as f:
        check_sam(d, functions, json.load(f))
    templates = check_terraform(d, functions)
    documents = check_kube(d, functions)
    check_openfaas(d, functions)
    for root, _, files in os.walk(d):
        for name in files:
            with open(os.path.join(root, name), encoding="utf-8") as f:
                if "AKIA" in f.read():
                    fail(f"{name}: has a secret in it")
    print(json.dumps({"documents": documents, "templates": templates, "expect": sorted(
        {m for t in templates for m in re.findall(r"(?<!\$)\$\{([a-z_0-9.]+)\}", t)})}))


main()
