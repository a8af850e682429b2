#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the pipelines of slsc init --ci as GitHub's and GitLab's runners do, on this machine in place of the image:

    ci_run.py github|gitlab REPOSITORY CONTEXT DIR
    ci_run.py github|gitlab --scripts FILE DIR      only the scripts, a file each

CONTEXT is JSON. github: event, head, base, vars, secrets, repository, api, number, fork. gitlab: variables, files,
head, and only, the jobs to run if not all. Each job has a checkout, a HOME and an environment of its own; artifacts go
from one to another by DIR/artifacts alone. What a pipeline may consist of is GITHUB and GITLAB: anything else is an
error. For each job there is a line 'job NAME: ok|skipped|failed'; the exit code is 1 if one failed. DIR/summary is that
of GitHub."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

import jsonschema
import yaml


def obj(required, **properties):
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


STR = {"type": "string", "minLength": 1}
STRS = {"type": "array", "items": STR, "minItems": 1, "uniqueItems": True}
MAP = {"type": "object", "additionalProperties": {"type": "string"}}
PERMISSIONS = {"type": "object", "propertyNames": {"enum": ["contents", "packages", "pull-requests"]},
               "additionalProperties": {"enum": ["read", "write"]}}
USES = {
    "actions/checkout@v4": obj(["fetch-depth", "persist-credentials"], **{
        "fetch-depth": {"const": 0}, "persist-credentials": {"const": False}}),
    "actions/upload-artifact@v4": obj(["name", "path", "if-no-files-found"], **{
        "name": STR, "path": STR, "if-no-files-found": {"const": "error"}}),
    "actions/download-artifact@v4": obj(["name", "path"], name=STR, path=STR),
}
STEP = {"oneOf": [obj(["name", "run"], **{"name": STR, "if": STR, "env": MAP, "run": STR})] +
        [obj(["uses", "with"], **{"uses": {"const": u}, "if": STR, "with": w}) for u, w in USES.items()]}
GITHUB = obj(["name", "on", "permissions", "jobs"], **{
    "name": STR, "on": {"type": "array", "items": {"enum": ["push", "pull_request"]}, "uniqueItems": True},
    "permissions": PERMISSIONS,
    "jobs": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}, "additionalProperties": obj(
        ["if", "runs-on", "container", "defaults", "steps"], **{
            "if": STR, "needs": STR, "runs-on": {"const": "ubuntu-latest"}, "permissions": PERMISSIONS,
            "container": obj(["image"], image=STR, options={"const": "--user root"}),
            "defaults": obj(["run"], run=obj(["shell"], **{"shell": {"const": "bash"}, "working-directory": STR})),
            "steps": {"type": "array", "items": STEP, "minItems": 1}})}})
RULES = {"type": "array", "items": obj(["if"], **{"if": STR}), "minItems": 1}
GITLAB = {"type": "object", "required": ["workflow", "default", "variables", "stages"], "properties": {
    "workflow": obj(["rules"], rules=RULES), "default": obj(["image"], image=STR), "variables": MAP, "stages": STRS},
    "additionalProperties": obj(["stage", "script"], stage=STR, rules=RULES, needs=STRS,
                                script={"type": "array", "items": STR, "minItems": 1},
                                artifacts=obj(["paths"], paths=STRS))}
FILES = {"github": ".github/workflows/slsc.yml", "gitlab": ".gitlab-ci.yml"}


class Loader(yaml.SafeLoader):
    """YAML 1.2's booleans, as both read them: 'on' is a word."""


Loader.yaml_implicit_resolvers = {
    c: [(tag, r) for tag, r in v if tag != "tag:yaml.org,2002:bool"]
    for c, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


def load(kind, path):
    with open(path, encoding="utf-8") as f:
        pipeline = yaml.load(f, Loader)
    jsonschema.validate(pipeline, {"github": GITHUB, "gitlab": GITLAB}[kind])
    return pipeline


def jobs_of(kind, pipeline):
    if kind == "github":
        return pipeline["jobs"]
    return {k: v for k, v in pipeline.items() if k not in GITLAB["properties"]}


def evaluate(text, names):
    """An expression of ==, &&, ||, 'strings' and names, as GitHub has it (and GitLab, once its names are put in)."""
    tokens = re.findall(r"\s*('[^']*'|==|&&|\|\||[\w.-]+|\S)", text)

    def value():
        t = tokens.pop(0)
        if t[0] == "'":
            return t[1:-1]
        at = names
        for part in t.split("."):
            if part not in at and (at is names or at is names.get("github")):
                sys.exit(f"ci_run: {text}: no {t}")
            at = at.get(part, "") if isinstance(at, dict) else ""  # what is not set
        return at

    def equal():
        left = value()
        while tokens and tokens[0] == "==":
            tokens.pop(0)
            right = value()
            left = left == right
        return left

    def both():
        left = equal()
        while tokens and tokens[0] == "&&":
            tokens.pop(0)
            right = equal()
            left = left and right
        return left

    def either():
        left = both()
        while tokens and tokens[0] == "||":
            tokens.pop(0)
            right = both()
            left = left or right
        return left

    result = either()
    if tokens:
        sys.exit(f"ci_run: {text}: cannot read {tokens[0]}")
    return result


def expand(text, names):
    def one(m):
        v = evaluate(m.group(1), names)
        return v if isinstance(v, str) else sys.exit(f"ci_run: {m.group(0)} is no string")
    return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", one, text)


def git(cwd, *args):
    return subprocess.run(["git", *args], cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def checkout(repository, to, head, base):
    git("/", "clone", "-q", repository, to)
    git(to, "checkout", "-q", "--detach", f"origin/{base or head}")
    if base:
        git(to, "merge", "-q", "--no-edit", f"origin/{head}")


def environment(work, **more):
    """Of the machine only what the image has, too."""
    env = {k: os.environ[k] for k in ("PATH", "SLSC_CACHE_DIR", "CCACHE_DIR", "CCACHE_NOHASHDIR", "TMPDIR") if k in os.environ}
    os.makedirs(f"{work}/home")
    return {**env, "HOME": f"{work}/home", "CI": "true", **more}


def shell(command, cwd, env):
    sys.stdout.flush()
    return subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                          check=False).returncode


def copy(source, to):
    if os.path.isdir(source):
        shutil.copytree(source, to, dirs_exist_ok=True)
    else:
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(source, to)


def github_step(step, here, store, job, env, names, checked_out):
    """Returns whether it went well."""
    if "run" in step:
        script = f"{os.path.dirname(here)}/step.sh"
        with open(script, "w", encoding="utf-8") as f:
            f.write(expand(step["run"], names))
        env = {**env, **{k: expand(v, names) for k, v in step.get("env", {}).items()}}
        cwd = os.path.join(here, job["defaults"]["run"].get("working-directory", "."))
        return shell(["bash", "--noprofile", "--norc", "-eo", "pipefail", script], cwd, env) == 0
    use, options = step["uses"].split("@")[0], step["with"]
    if use == "actions/checkout":
        checked_out()
    elif use == "actions/upload-artifact":
        source = os.path.join(here, options["path"])
        if not os.path.exists(source):
            print(f"nothing at {options['path']}")
            return False
        to = f"{store}/{options['name']}"
        copy(source, to if os.path.isdir(source) else f"{to}/{os.path.basename(source)}")
    else:
        copy(f"{store}/{options['name']}", os.path.join(here, options["path"]))
    return True


def github(repository, context, at):
    pull = context["event"] == "pull_request"
    first = f"{at}/first"
    checkout(repository, first, context["head"], context["base"] if pull else None)
    pipeline = load("github", f"{first}/{FILES['github']}")
    sha = git(first, "rev-parse", "HEAD")
    event = {"repository": {"default_branch": "main"}}
    if pull:
        owner = "fork/shop" if context.get("fork") else context["repository"]
        event["pull_request"] = {"number": str(context["number"]), "head": {"repo": {"full_name": owner}}}
    results = {}
    if context["event"] not in pipeline["on"]:
        sys.exit(f"ci_run: not on {context['event']}")
    for name, job in pipeline["jobs"].items():
        allowed = job.get("permissions", pipeline["permissions"])
        token = "job:" + ",".join(f"{k}={v}" for k, v in allowed.items())
        names = {"vars": context["vars"], "secrets": {} if context.get("fork") else context["secrets"], "github": {
            "event_name": context["event"], "ref_name": "7/merge" if pull else context["head"], "event": event,
            "base_ref": context["base"] if pull else "", "token": token, "actor": "me",
            "repository": context["repository"]}}
        if results.get(job.get("needs"), "ok") != "ok" or not evaluate(job["if"], names):
            results[name] = "skipped"
            print(f"job {name}: skipped")
            continue
        if expand(job["container"]["image"], names) != context["vars"]["SLSC_BUILDER"]:
            sys.exit(f"ci_run: {name} runs in another image")
        work = f"{at}/{name}"
        here = f"{work}/checkout"
        os.makedirs(here)
        env = environment(work, GITHUB_ACTIONS="true", GITHUB_API_URL=context["api"], GITHUB_SHA=sha,
                          GITHUB_REPOSITORY=context["repository"], GITHUB_STEP_SUMMARY=f"{at}/summary")
        results[name] = "ok"
        for step in job["steps"]:
            if "if" in step and not evaluate(step["if"], names):
                continue
            print(f"{name}: {step.get('name') or step['uses']}")
            if not github_step(step, here, f"{at}/artifacts", job, env, names, lambda to=here: copy(first, to)):
                results[name] = "failed"
                break
        print(f"job {name}: {results[name]}")
    return results


def holds(rules, variables):
    """Unset variables are null there, which equals nothing but itself: no rule of ours compares two of them."""
    def one(rule):
        text = re.sub(r'"([^"]*)"', r"'\1'", rule["if"])
        used = re.findall(r"\$(\w+)", text)
        return all(u in variables for u in used) and evaluate(text.replace("$", "v."), {"v": variables})
    return any(one(r) for r in rules)


def gitlab(repository, context, at):
    first = f"{at}/first"
    checkout(repository, first, context["head"], None)
    pipeline = load("gitlab", f"{first}/{FILES['gitlab']}")
    variables = {**context["variables"], "CI_COMMIT_SHA": git(first, "rev-parse", "HEAD"), "CI_DEFAULT_BRANCH": "main",
                 "GITLAB_CI": "true"}
    if variables["CI_PIPELINE_SOURCE"] == "merge_request_event":
        variables["CI_MERGE_REQUEST_DIFF_BASE_SHA"] = git(
            first, "merge-base", "HEAD", "origin/" + variables["CI_MERGE_REQUEST_TARGET_BRANCH_NAME"])
    else:
        variables["CI_COMMIT_BRANCH"] = context["head"]
    if pipeline["variables"].get("GIT_DEPTH") != "0":
        sys.exit("ci_run: the history is cut off")
    results = {}
    if not holds(pipeline["workflow"]["rules"], variables):
        print("no pipeline")
        return results
    for stage in pipeline["stages"]:
        before = dict(results)
        for name, job in ((n, j) for n, j in jobs_of("gitlab", pipeline).items() if j["stage"] == stage):
            from_ = job.get("needs", list(before))
            rules = job.get("rules", pipeline["workflow"]["rules"])
            wanted = name in context.get("only", [name]) and holds(rules, variables)
            if not wanted or any(before[n] == "failed" for n in from_):
                print(f"job {name}: skipped")
                continue
            if variables.get(pipeline["default"]["image"][1:], "") != context["variables"]["SLSC_BUILDER"]:
                sys.exit(f"ci_run: {name} runs in another image")
            work = f"{at}/{name}"
            here = f"{work}/checkout"
            env = environment(work, **variables, **pipeline["variables"])
            copy(first, here)
            for n in from_:
                if os.path.isdir(f"{at}/artifacts/{n}"):
                    copy(f"{at}/artifacts/{n}", here)
            for key, text in context.get("files", {}).items():
                env[key] = f"{work}/{key}"
                with open(env[key], "w", encoding="utf-8") as f:
                    f.write(text)
            ok = shell(["bash", "-c", "set -eo pipefail\n" + "\n".join(job["script"])], here, env) == 0
            results[name] = "ok" if ok else "failed"
            for path in job.get("artifacts", {}).get("paths", []) if ok else []:
                found = glob.glob(os.path.join(here, path))
                if not found:
                    print(f"nothing at {path}")
                for f in found:
                    copy(f.rstrip("/"), os.path.join(f"{at}/artifacts/{name}", path.rstrip("/")))
            print(f"job {name}: {results[name]}")
    return results


def main(kind, repository, context, at):
    if repository == "--scripts":
        for name, job in jobs_of(kind, load(kind, context)).items():
            parts = ["\n".join(job["script"])] if kind == "gitlab" else [s["run"] for s in job["steps"] if "run" in s]
            for i, text in enumerate(parts):
                with open(f"{at}/{name}{i}.sh", "w", encoding="utf-8") as f:
                    f.write(f"set -eo pipefail\n{text}\n")
        return 0
    with open(context, encoding="utf-8") as f:
        context = json.load(f)
    shutil.rmtree(at, ignore_errors=True)
    os.makedirs(at)
    results = {"github": github, "gitlab": gitlab}[kind](repository, context, at)
    return 1 if "failed" in results.values() else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
