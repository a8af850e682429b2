# SPDX-License-Identifier: Apache-2.0
"""State machines: states a second, a Map of 100,000 items, an order in four functions and in one. A part of bench.py."""

import json
import os
import re
import subprocess
import time

import local

FIVE = {"StartAt": "A", "States": {
    "A": {"Type": "Pass", "Result": {"n": 1}, "ResultPath": "$.a", "Next": "B"},
    "B": {"Type": "Pass", "Parameters": {"x.$": "$.a.n"}, "Next": "C"},
    "C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "NumericEquals": 1, "Next": "D"}], "Default": "D"},
    "D": {"Type": "Pass", "Next": "E"},
    "E": {"Type": "Succeed"}}}
MAP = {"StartAt": "M", "States": {
    "M": {"Type": "Map", "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}, "Next": "N"},
    "N": {"Type": "Pass", "Parameters": {"n.$": "States.ArrayLength($)"}, "End": True}}}
RUNS = 5
ORDERS = 100


def many(b, cwd, slsc, *options):
    """States a second: the median of runs."""
    rates = []
    for _ in range(RUNS):
        out = subprocess.run([slsc, "flow", "run", "five.asl.json", "--repeat", "10000", "--json", *options], cwd=cwd,
                             env=b.env, capture_output=True, text=True, check=True).stdout
        r = json.loads(out)
        if r["succeeded"] != 10000 or r["states"] != 50000:
            raise SystemExit(f"bench: slsc flow run: {out}")
        rates.append(r["states"] / r["seconds"])
    return sorted(rates)[RUNS // 2]


def api(caller, op, **request):
    body = json.dumps(request).encode()
    caller.s.sendall(f"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AWSStepFunctions.{op}\r\n"
                     f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    got = b""
    while b"\r\n\r\n" not in got:
        got += caller.receive()
    head, rest = got.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
    while len(rest) < length:
        rest += caller.receive()
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise SystemExit(f"bench: {op}: {rest.decode()}")
    return json.loads(rest)


def orders(b, tmp, slsc):
    """Milliseconds an order takes, warm: as four functions, durable and in memory alone; as one."""
    cwd = os.path.join(tmp, "shop")
    b.sh(tmp, slsc, "init", "shop", "--template", "checkout")
    with open(f"{cwd}/slsc.yaml", encoding="utf-8") as f:
        text = f.read().replace('PACE_MS: "5"', 'PACE_MS: "0"').replace("[x86_64, arm64]", "[x86_64]")
    with open(f"{cwd}/slsc.yaml", "w", encoding="utf-8") as f:
        f.write(text + "flows: {checkout: flow.asl.yaml}\n")
    b.sh(cwd, "sh", "prepare.sh")
    with open(f"{cwd}/data/items/lamp", "w", encoding="utf-8") as f:
        f.write("1000000\n")
    b.sh(cwd, slsc, "build")
    process = subprocess.Popen([slsc, "-q", "local", "--port", "0"], cwd=cwd, env=b.env)
    try:
        while not os.path.exists(f"{cwd}/.slsc/local.json"):
            time.sleep(0.01)
        with open(f"{cwd}/.slsc/local.json", encoding="utf-8") as f:
            caller = local.Caller(int(json.load(f)["url"].rsplit(":", 1)[1]))
        machine = api(caller, "ListStateMachines")["stateMachines"][0]["stateMachineArn"]
        definition = api(caller, "DescribeStateMachine", stateMachineArn=machine)["definition"]
        express = api(caller, "CreateStateMachine", name="express", definition=definition, type="EXPRESS",
                      roleArn="arn:aws:iam::123456789012:role/any")["stateMachineArn"]
        took = {"standard": [], "express": [], "one": []}
        for i in range(ORDERS + 5):
            order = {"order": f"o-{i}", "item": "lamp", "count": 1, "amount": 100, "card": "4111", "to": "a@example.com"}
            arn = api(caller, "StartExecution", stateMachineArn=machine, input=json.dumps(order))["executionArn"]
            while (x := api(caller, "DescribeExecution", executionArn=arn))["status"] == "RUNNING":
                time.sleep(0.002)
            order["order"] = f"e-{i}"
            y = api(caller, "StartSyncExecution", stateMachineArn=express, input=json.dumps(order))
            order["order"] = f"n-{i}"
            one_s, status, failed = caller.invoke("checkout-one", json.dumps(order).encode())
            if x["status"] != "SUCCEEDED" or y["status"] != "SUCCEEDED" or status != 200 or failed:
                raise SystemExit(f"bench: an order failed: {x} {y} {status}")
            # the first ones start instances
            if i >= 5:
                took["standard"].append((x["stopDate"] - x["startDate"]) * 1e3)
                took["express"].append((y["stopDate"] - y["startDate"]) * 1e3)
                took["one"].append(one_s * 1e3)
        return {k: sorted(v)[ORDERS // 2] for k, v in took.items()}
    finally:
        process.terminate()
        process.wait()


def bench(b, tmp, slsc):
    b.section("State machines")
    cwd = os.path.join(tmp, "flow")
    os.makedirs(cwd, exist_ok=True)
    for name, machine in (("five", FIVE), ("map", MAP)):
        with open(f"{cwd}/{name}.asl.json", "w", encoding="utf-8") as f:
            json.dump(machine, f)
    durable, memory = many(b, cwd, slsc), many(b, cwd, slsc, "--memory")
    b.row("10,000 executions of 5 states, durable: states a second", f"{durable:,.0f}", "–", "–", "≥ 5,000",
          durable >= 5000)
    b.row("the same with --memory", f"{memory:,.0f}", "–", "–", "≥ 100,000", memory >= 100000)
    with open(f"{cwd}/items.json", "w", encoding="utf-8") as f:
        json.dump([1] * 100000, f, separators=(",", ":"))
    out = subprocess.run(["/usr/bin/time", "-f", "%M %e", slsc, "flow", "run", "map.asl.json", "--input", "items.json"],
                         cwd=cwd, env=b.env, capture_output=True, text=True, check=True)
    if json.loads(out.stdout) != {"n": 100000}:
        raise SystemExit(f"bench: the Map gave {out.stdout}")
    kb, seconds = out.stderr.split()[-2:]
    b.row("a Map of 100,000 items, durable: memory, time", f"{int(kb) / 1024:.0f} MB, {seconds} s", "–", "–",
          "≤ 256 MB", int(kb) <= 256 << 10)
    took = orders(b, tmp, slsc)
    b.row("an order of the template checkout, p50: a durable execution; in memory (EXPRESS); in one function",
          f"{took['standard']:.1f} ms; {took['express']:.1f} ms; {took['one']:.1f} ms", "–", "–", "told", True)
