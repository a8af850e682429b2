# SPDX-License-Identifier: Apache-2.0
"""A Lambda function in Python's standard library, over http.client: what it was given, in any order it likes."""

import http.client
import json
import os

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
print(json.dumps({"level": "info", "message": "hello", "who": os.environ["AWS_LAMBDA_FUNCTION_NAME"]}), flush=True)
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    r = api.getresponse()
    event = json.loads(r.read())
    rid = r.headers["Lambda-Runtime-Aws-Request-Id"]
    print(json.dumps({"level": "warn", "message": "got it", "n": event.get("n")}), flush=True)
    if event.get("fail"):
        body = {"errorMessage": "as asked", "errorType": "Function.Asked", "stackTrace": []}
        api.request("POST", f"/2018-06-01/runtime/invocation/{rid}/error", json.dumps(body),
                    {"Lambda-Runtime-Function-Error-Type": "Function.Asked"})
    else:
        body = {"event": event, "trace": r.headers["Lambda-Runtime-Trace-Id"],
                "left": int(r.headers["Lambda-Runtime-Deadline-Ms"]) > 0, "env": sorted(os.environ)}
        api.request("POST", f"/2018-06-01/runtime/invocation/{rid}/response", json.dumps(body))
    api.getresponse().read()
