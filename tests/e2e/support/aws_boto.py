# SPDX-License-Identifier: Apache-2.0
"""botocore as a client of aws_server.py: aws_boto.py URL KEYS. It checks each answer by itself, and compares here."""
import io
import json
import sys
import zipfile

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

URL, KEYS = sys.argv[1], json.load(open(sys.argv[2], encoding="ascii"))
ROLE = "arn:aws:iam::123456789012:role/lambda"
BOOTSTRAP = """#!/usr/bin/python3
import http.client, os
c = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
c.request("GET", "/2018-06-01/runtime/invocation/next")
r = c.getresponse()
event = r.read()
print("WHO is", os.environ["WHO"], flush=True)
if b"exit" in event:
    raise SystemExit(3)
how = "error" if b"fail" in event else "response"
c.request("POST", "/2018-06-01/runtime/invocation/%s/%s" % (r.headers["Lambda-Runtime-Aws-Request-Id"], how), event)
c.getresponse().read()
c.request("GET", "/2018-06-01/runtime/invocation/next")
c.getresponse()
"""


def client(name, keys="static"):
    k = KEYS[keys]
    session = botocore.session.Session()
    return session.create_client(
        name, region_name="us-east-1", endpoint_url=URL, aws_access_key_id=k["AccessKeyId"],
        aws_secret_access_key=k["SecretAccessKey"], aws_session_token=k.get("SessionToken"),
        config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}))


def archive(text):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0o755 << 16
        z.writestr(info, text)
    return out.getvalue()


def same(got, want):
    if got != want:
        sys.exit(f"line {sys._getframe(1).f_lineno}: {got!r}, not {want!r}")  # pylint: disable=protected-access


def fails(code, ask, **args):
    try:
        ask(**args)
    except ClientError as e:
        same(e.response["Error"]["Code"], code)
        return
    except BotoCoreError as e:
        same(type(e).__name__, code)
        return
    sys.exit(f"{code} was expected")


def functions(l):
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    code = archive(BOOTSTRAP)
    new = {"FunctionName": "f", "Role": ROLE, "Runtime": "provided.al2", "Handler": "bootstrap", "Code": {"ZipFile": code},
           "Environment": {"Variables": {"WHO": "me"}}, "Tags": {"a b": "ü"}, "Timeout": 60}
    same(l.create_function(**new)["State"], "Pending")
    fails("ResourceConflictException", l.create_function, **new)
    fails("ResourceConflictException", l.update_function_code, FunctionName="f", ZipFile=code)
    same(l.get_function_configuration(FunctionName="f")["State"], "Pending")
    same(l.get_function(FunctionName=arn)["Configuration"]["State"], "Active")
    same(l.get_function(FunctionName="f")["Tags"], {"a b": "ü"})
    one = l.publish_version(FunctionName="f")
    same((one["Version"], one["FunctionArn"]), ("1", arn + ":1"))
    same(l.publish_version(FunctionName="f")["Version"], "1")
    for _ in range(3):
        state = l.get_function_configuration(FunctionName="f", Qualifier="1")["State"]
    same(state, "Active")
    alias = l.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    fails("ResourceNotFoundException", l.update_alias, FunctionName="f", Name="live", FunctionVersion="2")
    answer = l.invoke(FunctionName="f:live", Payload=b'{"x": 1}', LogType="Tail")
    same((answer["StatusCode"], answer["ExecutedVersion"], answer["Payload"].read()), (200, "1", b'{"x": 1}'))
    answer = l.invoke(FunctionName="f", Qualifier="live", Payload=b'"fail"')
    same((answer["FunctionError"], answer["Payload"].read()), ("Unhandled", b'"fail"'))
    answer = l.invoke(FunctionName=arn + ":1", Payload=b'"exit"')
    same(json.loads(answer["Payload"].read())["errorType"], "Runtime.ExitError")
    fails("InvalidRequestContentException", l.invoke, FunctionName="f", Payload=b"no JSON")
    revision = l.get_function_configuration(FunctionName="f")["RevisionId"]
    fails("PreconditionFailedException", l.update_function_configuration, FunctionName="f", MemorySize=256, RevisionId="old")
    l.update_function_configuration(FunctionName="f", MemorySize=256, RevisionId=revision)
    fails("ResourceConflictException", l.publish_version, FunctionName="f")
    for _ in range(2):
        now = l.get_function_configuration(FunctionName="f")
    same((now["LastUpdateStatus"], now["RevisionId"] == revision), ("Successful", False))
    fails("InvalidParameterValueException", l.publish_version, FunctionName="f", CodeSha256="other")
    same(l.publish_version(FunctionName="f", CodeSha256=now["CodeSha256"])["Version"], "2")
    half = {"AdditionalVersionWeights": {"2": 0.5}}
    fails("PreconditionFailedException", l.update_alias, FunctionName="f", Name="live", RevisionId="old")
    l.update_alias(FunctionName="f", Name="live", RoutingConfig=half, RevisionId=alias["RevisionId"])
    same(l.get_alias(FunctionName="f", Name="live")["RoutingConfig"], half)
    url = l.create_function_url_config(FunctionName="f", Qualifier="live", AuthType="NONE")["FunctionUrl"]
    same(l.get_function_url_config(FunctionName="f", Qualifier="live")["FunctionUrl"], url)
    fails("ResourceConflictException", l.create_function_url_config, FunctionName="f", Qualifier="live", AuthType="NONE")
    rule = {"FunctionName": "f", "Qualifier": "live", "StatementId": "url", "Action": "lambda:InvokeFunctionUrl",
            "Principal": "*", "FunctionUrlAuthType": "NONE"}
    l.add_permission(**rule)
    fails("ResourceConflictException", l.add_permission, **rule)
    same(json.loads(l.get_policy(FunctionName="f", Qualifier="live")["Policy"])["Statement"][0]["Sid"], "url")
    l.tag_resource(Resource=arn, Tags={"k": "v"})
    l.untag_resource(Resource=arn, TagKeys=["a b"])
    same(l.list_tags(Resource=arn)["Tags"], {"k": "v"})
    layer = l.publish_layer_version(LayerName="lay", Content={"ZipFile": code})["LayerVersionArn"]
    for _ in range(3):
        l.get_function_configuration(FunctionName="f")
    l.update_function_configuration(FunctionName="f", Layers=[layer])
    fails("ResourceConflictException", l.delete_function, FunctionName="f", Qualifier="1")
    fails("ResourceNotFoundException", l.get_function, FunctionName="nobody")


def others():
    s3, logs, sts, sso = client("s3"), client("logs"), client("sts"), client("sso")
    same(s3.put_object(Bucket="artifacts", Key="a/b c+d", Body=b"x", Metadata={"m": "n"})["ETag"],
         '"9dd4e461268c8034f5c8564e155c67a6"')
    same(s3.head_object(Bucket="artifacts", Key="a/b c+d")["Metadata"], {"m": "n"})
    fails("NoSuchBucket", s3.put_object, Bucket="none", Key="k", Body=b"x")
    said = [e["message"] for e in logs.filter_log_events(logGroupName="/aws/lambda/f")["events"]]
    same([s.split()[0] for s in said[:4]], ["START", "WHO", "END", "REPORT"])
    fails("ResourceNotFoundException", logs.filter_log_events, logGroupName="/aws/lambda/nobody")
    role = "arn:aws:iam::123456789012:role/deployer"
    taken = sts.assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    fails("AccessDenied", sts.assume_role, RoleArn=role + "2", RoleSessionName="me")
    KEYS["taken"] = taken
    client("lambda", "taken").list_functions()
    sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="me", WebIdentityToken=KEYS["web"])
    fails("InvalidIdentityToken", sts.assume_role_with_web_identity, RoleArn=role, RoleSessionName="me",
          WebIdentityToken="else")
    sso.get_role_credentials(roleName="Dev", accountId="123456789012", accessToken=KEYS["sso"])
    fails("UnauthorizedException", sso.get_role_credentials, roleName="Dev", accountId="123456789012", accessToken="else")
    client("sso-oidc").create_token(clientId="c", clientSecret=KEYS["sso_client"], grantType="refresh_token",
                                    refreshToken=KEYS["sso_refresh"])


def refusals():
    fails("AccessDeniedException", client("lambda", "denied").list_functions)
    fails("ExpiredTokenException", client("lambda", "expired").list_functions)
    client("lambda", "session").list_functions()
    KEYS["wrong"] = {**KEYS["static"], "SecretAccessKey": "x" * 40}
    fails("InvalidSignatureException", client("lambda", "wrong").list_functions)
    KEYS["other"] = {**KEYS["session"], "SessionToken": "x" * 40}
    fails("UnrecognizedClientException", client("lambda", "other").list_functions)


functions(client("lambda"))
others()
refusals()
