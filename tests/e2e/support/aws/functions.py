# SPDX-License-Identifier: Apache-2.0
"""Lambda, 2015-03-31: functions, versions, aliases, URLs, permissions, tags, layers.

A method is an operation. It takes the checked parameters and the region, and gives what the model calls its output.
A change takes settings["polls"] questions to come about: that many answers say Pending or InProgress, and meanwhile
everything else that would change the function is a ResourceConflictException, which counts as a question, too.
"""
import base64
import copy
import hashlib
import io
import json
import re
import uuid
import zipfile

from .model import Refused
from .run import Run
from .sign import utc

ACCOUNT = "123456789012"
NAME = re.compile(r"(?:arn:aws:lambda:([a-z0-9-]+):)?(?:(\d{12}):)?(?:function:)?([a-zA-Z0-9-_]+)"
                  r"(?::(\$LATEST|[a-zA-Z0-9-_]+))?")
UNZIPPED = 262144000
PROGRESS = ("State", "StateReason", "StateReasonCode", "LastUpdateStatus", "LastUpdateStatusReason",
            "LastUpdateStatusReasonCode")
VOLATILE = (*PROGRESS, "RevisionId", "LastModified", "Version", "FunctionArn")


def stamp():
    return utc().strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def bad(message):
    return Refused("InvalidParameterValueException", message)


class Version:
    def __init__(self, config, code, image):
        self.config = config
        self.code = code        # the archive, or None
        self.image = image      # its reference, or None
        self.wait = 0           # questions until the change has come about
        self.fails = None       # [code, reason]: how it ends instead

    def touch(self):
        self.config["RevisionId"] = str(uuid.uuid4())
        self.config["LastModified"] = stamp()

    def begin(self, settings, creating):
        self.wait = settings["polls"]
        self.fails = settings.pop("fails", None)
        settings["fails"] = None
        for key in PROGRESS:
            self.config.pop(key, None)
        if creating:
            self.config.update(State="Pending", StateReason="The function is being created.",
                               StateReasonCode="Creating")
        else:
            self.config.update(State="Active", LastUpdateStatus="InProgress")
        self.touch()

    def busy(self):
        return self.config["State"] == "Pending" or self.config.get("LastUpdateStatus") == "InProgress"

    def asked(self):
        if not self.busy():
            return
        if self.wait > 0:
            self.wait -= 1
            return
        pending = self.config["State"] == "Pending"
        for key in ("StateReason", "StateReasonCode"):
            self.config.pop(key, None)
        self.config.update(State="Active", LastUpdateStatus="Successful")
        if self.fails and pending:
            self.config.update(State="Failed", StateReasonCode=self.fails[0], StateReason=self.fails[1])
            self.config.pop("LastUpdateStatus")
        elif self.fails:
            self.config.update(LastUpdateStatus="Failed", LastUpdateStatusReasonCode=self.fails[0],
                               LastUpdateStatusReason=self.fails[1])
        # a change of the state is one of the revision, too
        self.touch()


class Function:
    def __init__(self, name, region):
        self.name = name
        self.arn = f"arn:aws:lambda:{region}:{ACCOUNT}:function:{name}"
        self.versions = {}
        self.aliases = {}
        self.urls = {}
        self.policies = {}
        self.tags = {}
        self.number = 0
        self.reserved = None
        self.shares = {}

    def conflict(self):
        latest = self.versions["$LATEST"]
        if latest.busy():
            pending = latest.config["State"] == "Pending"
            latest.asked()
            raise Refused("ResourceConflictException", "The operation cannot be performed at this time. " + (
                "The function is currently in the following state: Pending" if pending else
                f"An update is in progress for resource: {self.arn}"))
        if latest.config["State"] == "Failed":
            raise Refused("ResourceConflictException", "The operation cannot be performed at this time. "
                          "The function is currently in the following state: Failed")
        return latest

    def revision(self, given, current):
        if given is not None and given != current:
            raise Refused("PreconditionFailedException", "The Revision Id provided does not match the latest Revision "
                          "Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")

    def version(self, qualifier):
        """A version by its number, or by an alias."""
        number = self.aliases[qualifier]["FunctionVersion"] if qualifier in self.aliases else qualifier or "$LATEST"
        if number not in self.versions:
            raise Refused("ResourceNotFoundException", f"Function not found: {self.arn}:{qualifier}")
        return self.versions[number]

    def shown(self, version, qualifier=None):
        config = copy.deepcopy(version.config)
        config["FunctionArn"] = self.arn + (f":{qualifier}" if qualifier else "")
        return config


class Lambda:
    def __init__(self, server):
        self.server = server
        self.functions = {}
        self.layers = {}

    # ---- names ----

    def parse(self, p, region):
        found = NAME.fullmatch(p["FunctionName"])
        if not found or (found[2] or ACCOUNT) != ACCOUNT or (found[1] or region) != region:
            raise Refused("AccessDeniedException", f"User is not authorized to perform an action on resource: "
                          f"{p['FunctionName']}", 403)
        qualifier = p.get("Qualifier") or found[4]
        if found[4] and p.get("Qualifier") and found[4] != p["Qualifier"]:
            raise bad("The derived qualifier from the function name does not match the specified qualifier.")
        return found[3], qualifier

    def find(self, p, region):
        name, qualifier = self.parse(p, region)
        f = self.functions.get((region, name))
        if not f:
            raise Refused("ResourceNotFoundException", f"Function not found: arn:aws:lambda:{region}:{ACCOUNT}:"
                          f"function:{name}{':' + qualifier if qualifier else ''}")
        return f, qualifier

    # ---- code ----

    def code(self, p):
        """The archive and the image that a request names."""
        if "ImageUri" in p:
            if not re.fullmatch(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/[a-z0-9._/-]+"
                                r"(:[\w.-]+|@sha256:[0-9a-f]{64})", p["ImageUri"]):
                raise bad(f"Source image {p['ImageUri']} is not valid. Provide a valid source image.")
            return None, p["ImageUri"]
        data = p.get("ZipFile")
        if data is None and "S3Key" in p:
            data = self.server.s3.code(p["S3Bucket"], p["S3Key"])
        if data is None:
            raise bad("Please provide a source for function code.")
        if "ZipFile" in p and len(data) > 52428800:
            raise Refused("RequestEntityTooLargeException", "Request must be smaller than 70167211 bytes for the "
                          "UpdateFunctionCode operation", 413)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as z:
                if z.testzip():
                    raise zipfile.BadZipFile
                size = sum(i.file_size for i in z.infolist())
        except zipfile.BadZipFile:
            raise bad("Could not unzip uploaded file. Please check your file, then try to upload again.") from None
        if size > UNZIPPED:
            raise bad(f"Unzipped size must be smaller than {UNZIPPED} bytes")
        return data, None

    @staticmethod
    def put_code(version, data, image):
        version.code, version.image = data, image
        digest = hashlib.sha256(data if data is not None else image.encode())
        version.config["CodeSize"] = len(data or b"")
        version.config["CodeSha256"] = base64.b64encode(digest.digest()).decode() if data is not None else \
            image.rpartition("@sha256:")[2] if "@" in image else digest.hexdigest()

    def configure(self, config, p, region):
        for key in ("Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", "KMSKeyArn", "TracingConfig",
                    "EphemeralStorage", "DeadLetterConfig", "FileSystemConfigs"):
            if key in p:
                config[key] = p[key]
        if "Environment" in p:
            variables = p["Environment"].get("Variables", {})
            reserved = sorted(k for k in variables if k.startswith("AWS_LAMBDA_") or k in (
                "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                "_HANDLER", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "_X_AMZN_TRACE_ID"))
            why = "Lambda was unable to configure your environment variables because the environment variables you " \
                  "have provided "
            if reserved:
                raise bad(why + "contains reserved keys that are currently not supported for modification. Reserved "
                          f"keys used in this request: {', '.join(reserved)}")
            measured = json.dumps(variables, separators=(",", ":"))
            if len(measured.encode()) > 4096:
                raise bad(why + f"exceeded the 4KB limit. String measured: {measured}")
            config.pop("Environment", None)
            if variables:
                config["Environment"] = {"Variables": variables}
        if "Layers" in p:
            config.pop("Layers", None)
            for arn in p["Layers"]:
                _, _, _, place, account, _, name, number = arn.split(":")
                if account == ACCOUNT and (place, name, int(number)) not in self.layers:
                    raise bad(f"Layer version {arn} does not exist.")
                if place != region:
                    raise bad("Layers are not in the same region as the function. Layers are expected to be in region "
                              f"{region}.")
            if len(p["Layers"]) > 5:
                raise bad("You cannot reference more than 5 layers.")
            if p["Layers"]:
                config["Layers"] = [{"Arn": arn, "CodeSize": self.size_of(arn)} for arn in p["Layers"]]
        if "ImageConfig" in p:
            config.pop("ImageConfigResponse", None)
            if p["ImageConfig"]:
                config["ImageConfigResponse"] = {"ImageConfig": p["ImageConfig"]}
        if "LoggingConfig" in p:
            given = p["LoggingConfig"]
            text = given.get("LogFormat", "Text") == "Text"
            if text and ("ApplicationLogLevel" in given or "SystemLogLevel" in given):
                raise bad("Log level configuration is not supported for the Text log format.")
            levels = {} if text else {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}
            config["LoggingConfig"] = {"LogFormat": "Text", **levels,
                                       "LogGroup": f"/aws/lambda/{config['FunctionName']}", **given}

    def size_of(self, arn):
        layer = self.layers.get((arn.split(":")[3], arn.split(":")[6], int(arn.split(":")[7])))
        return layer["Content"]["CodeSize"] if layer else 1

    # ---- functions ----

    def CreateFunction(self, p, region):
        name, _ = self.parse(p, region)
        f = Function(name, region)
        if (region, name) in self.functions:
            raise Refused("ResourceConflictException", f"Function already exist: {name}")
        kind = p.get("PackageType", "Zip")
        if kind == "Zip" and not ("Runtime" in p and "Handler" in p):
            raise bad("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
        if kind == "Image" and ("Runtime" in p or "Handler" in p or "Layers" in p or "ImageUri" not in p["Code"]):
            raise bad("Please don't provide Handler or Runtime or Layer when the intended function PackageType is "
                      "Image.")
        if p.get("Timeout", 3) > 900:
            raise Refused("ValidationException", f"1 validation error detected: Value '{p['Timeout']}' at 'timeout' "
                          "failed to satisfy constraint: Member must have value less than or equal to 900", 400)
        config = {"FunctionName": name, "Description": "", "Timeout": 3, "MemorySize": 128, "Version": "$LATEST",
                  "TracingConfig": {"Mode": "PassThrough"}, "PackageType": kind, "EphemeralStorage": {"Size": 512},
                  "Architectures": p.get("Architectures", ["x86_64"]),
                  "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
                  "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}}
        self.configure(config, p, region)
        latest = Version(config, None, None)
        self.put_code(latest, *self.code(p["Code"]))
        f.versions["$LATEST"] = latest
        f.tags = dict(p.get("Tags", {}))
        latest.begin(self.server.settings, True)
        self.functions[region, name] = f
        if p.get("Publish"):
            return self.publish(f, {})
        return f.shown(latest)

    def GetFunction(self, p, region):
        f, qualifier = self.find(p, region)
        v = f.version(qualifier)
        v.asked()
        code = {"RepositoryType": "S3", "Location": f"{self.server.url}/_code/{f.name}/{v.config['Version']}"}
        if v.image:
            tag = v.image.partition("@")[0].rpartition(":")[0]
            code = {"RepositoryType": "ECR", "ImageUri": v.image,
                    "ResolvedImageUri": v.image if "@" in v.image else f"{tag}@sha256:{v.config['CodeSha256']}"}
        out = {"Configuration": f.shown(v, qualifier), "Code": code}
        if f.tags:
            out["Tags"] = f.tags
        if f.reserved is not None:
            out["Concurrency"] = {"ReservedConcurrentExecutions": f.reserved}
        return out

    def GetFunctionConfiguration(self, p, region):
        f, qualifier = self.find(p, region)
        v = f.version(qualifier)
        v.asked()
        return f.shown(v, qualifier)

    def UpdateFunctionCode(self, p, region):
        f, _ = self.find(p, region)
        latest = f.conflict()
        f.revision(p.get("RevisionId"), latest.config["RevisionId"])
        if ("ImageUri" in p) != (latest.config["PackageType"] == "Image"):
            raise bad(f"Please do not provide {'ImageUri' if 'ImageUri' in p else 'ZipFile'} when updating a function "
                      f"with packageType {latest.config['PackageType']}.")
        made = Version(copy.deepcopy(latest.config), latest.code, latest.image)
        self.put_code(made, *self.code(p))
        made.config["Architectures"] = p.get("Architectures", ["x86_64"])
        if p.get("DryRun"):
            return f.shown(made)
        f.versions["$LATEST"] = made
        made.begin(self.server.settings, False)
        if p.get("Publish"):
            return self.publish(f, {})
        return f.shown(made)

    def UpdateFunctionConfiguration(self, p, region):
        f, _ = self.find(p, region)
        latest = f.conflict()
        f.revision(p.get("RevisionId"), latest.config["RevisionId"])
        made = Version(copy.deepcopy(latest.config), latest.code, latest.image)
        self.configure(made.config, p, region)
        f.versions["$LATEST"] = made
        made.begin(self.server.settings, False)
        return f.shown(made)

    def DeleteFunction(self, p, region):
        f, qualifier = self.find(p, region)
        if qualifier and qualifier in f.versions and qualifier != "$LATEST":
            users = [a for a in f.aliases.values() if qualifier == a["FunctionVersion"] or
                     qualifier in a.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})]
            if users:
                raise Refused("ResourceConflictException", "Function version is in use by the following aliases: " +
                              ", ".join(a["Name"] for a in users))
            del f.versions[qualifier]
        elif qualifier:
            raise bad("Deletion of aliases is not currently supported.")
        else:
            del self.functions[region, f.name]
        return {}

    def ListFunctions(self, _, region):
        return {"Functions": [f.shown(f.versions["$LATEST"]) for (where, _), f in sorted(self.functions.items())
                              if where == region]}

    # ---- versions and aliases ----

    def publish(self, f, p):
        latest = f.versions["$LATEST"]

        def essence(v):
            return v.image, {k: x for k, x in v.config.items() if k not in VOLATILE and k != "Description"}
        last = f.versions.get(str(f.number))
        if last and essence(last) == essence(latest):
            return f.shown(last, str(f.number))
        f.number += 1
        made = Version(copy.deepcopy(latest.config), latest.code, latest.image)
        made.config["Version"] = str(f.number)
        if "Description" in p:
            made.config["Description"] = p["Description"]
        made.begin(self.server.settings, True)
        f.versions[str(f.number)] = made
        return f.shown(made, str(f.number))

    def PublishVersion(self, p, region):
        f, _ = self.find(p, region)
        latest = f.conflict()
        f.revision(p.get("RevisionId"), latest.config["RevisionId"])
        have = latest.config["CodeSha256"]
        if p.get("CodeSha256", have) != have:
            raise bad(f"CodeSHA256 ({p['CodeSha256']}) is different from current CodeSHA256 in $LATEST ({have}). "
                      "Please try again with the CodeSHA256 in $LATEST.")
        return self.publish(f, p)

    def ListVersionsByFunction(self, p, region):
        f, _ = self.find(p, region)
        names = sorted(f.versions, key=lambda n: 0 if n == "$LATEST" else int(n))
        first = int(p.get("Marker", 0))
        size = min(p.get("MaxItems", 50), self.server.settings["page"])
        out = {"Versions": [f.shown(f.versions[n], n) for n in names[first:first + size]]}
        if first + size < len(names):
            out["NextMarker"] = str(first + size)
        return out

    def routing(self, f, p, alias):
        number = p.get("FunctionVersion", alias.get("FunctionVersion"))
        if number not in f.versions:
            raise Refused("ResourceNotFoundException", f"Function not found: {f.arn}:{number}")
        alias["FunctionVersion"] = number
        if "Description" in p:
            alias["Description"] = p["Description"]
        if "RoutingConfig" in p:
            weights = p["RoutingConfig"].get("AdditionalVersionWeights", {})
            alias.pop("RoutingConfig", None)
            if weights:
                alias["RoutingConfig"] = {"AdditionalVersionWeights": weights}
        weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        if len(weights) > 1:
            raise bad("Number of items in AdditionalVersionWeights cannot be greater than 1")
        for other in weights:
            if other not in f.versions:
                raise Refused("ResourceNotFoundException", f"Function not found: {f.arn}:{other}")
            if other == number or "$LATEST" in (other, number):
                raise bad("Invalid function version: an alias with weights points to two published versions")
        alias["RevisionId"] = str(uuid.uuid4())
        f.shares.pop(alias["Name"], None)
        return alias

    def alias(self, f, name):
        if name not in f.aliases:
            raise Refused("ResourceNotFoundException", f"Cannot find alias arn: {f.arn}:{name}")
        return f.aliases[name]

    def CreateAlias(self, p, region):
        f, _ = self.find(p, region)
        if p["Name"] in f.aliases:
            raise Refused("ResourceConflictException", f"Alias already exists: {f.arn}:{p['Name']}")
        made = self.routing(f, p, {"AliasArn": f"{f.arn}:{p['Name']}", "Name": p["Name"], "Description": ""})
        f.aliases[p["Name"]] = made
        return made

    def UpdateAlias(self, p, region):
        f, _ = self.find(p, region)
        now = self.alias(f, p["Name"])
        f.revision(p.get("RevisionId"), now["RevisionId"])
        f.aliases[p["Name"]] = self.routing(f, p, copy.deepcopy(now))
        return f.aliases[p["Name"]]

    def GetAlias(self, p, region):
        f, _ = self.find(p, region)
        return self.alias(f, p["Name"])

    def DeleteAlias(self, p, region):
        f, _ = self.find(p, region)
        f.aliases.pop(p["Name"], None)
        f.urls.pop(p["Name"], None)
        return {}

    def ListAliases(self, p, region):
        f, _ = self.find(p, region)
        return {"Aliases": [a for _, a in sorted(f.aliases.items())
                            if p.get("FunctionVersion", a["FunctionVersion"]) == a["FunctionVersion"]]}

    # ---- URLs, permissions ----

    def qualified(self, f, qualifier):
        if qualifier and qualifier not in f.aliases and qualifier != "$LATEST":
            raise Refused("ResourceNotFoundException", f"Function not found: {f.arn}:{qualifier}")
        return f.arn + (f":{qualifier}" if qualifier else "")

    def CreateFunctionUrlConfig(self, p, region):
        f, qualifier = self.find(p, region)
        arn = self.qualified(f, qualifier)
        if qualifier in f.urls:
            raise Refused("ResourceConflictException", "Failed to create function url config for [functionArn = "
                          f"{arn}]. Error message:  FunctionUrlConfig exists for this Lambda function")
        name = hashlib.sha256(arn.encode()).hexdigest()[:32]
        now = utc().strftime("%Y-%m-%dT%H:%M:%S.000Z")
        f.urls[qualifier] = {"FunctionUrl": f"https://{name}.lambda-url.{region}.on.aws/", "FunctionArn": arn,
                             "CreationTime": now, "AuthType": p["AuthType"], "LastModifiedTime": now,
                             "InvokeMode": p.get("InvokeMode", "BUFFERED")}
        if p.get("Cors"):
            f.urls[qualifier]["Cors"] = p["Cors"]
        return {k: v for k, v in f.urls[qualifier].items() if k != "LastModifiedTime"}

    def url(self, f, qualifier):
        self.qualified(f, qualifier)
        if qualifier not in f.urls:
            raise Refused("ResourceNotFoundException", "The resource you requested does not exist.")
        return f.urls[qualifier]

    def GetFunctionUrlConfig(self, p, region):
        return self.url(*self.find(p, region))

    def UpdateFunctionUrlConfig(self, p, region):
        url = self.url(*self.find(p, region))
        for key in ("AuthType", "InvokeMode", "Cors"):
            if key in p:
                url[key] = p[key]
        if not url.get("Cors", True):
            del url["Cors"]
        return url

    def DeleteFunctionUrlConfig(self, p, region):
        f, qualifier = self.find(p, region)
        self.url(f, qualifier)
        del f.urls[qualifier]
        return {}

    def AddPermission(self, p, region):
        f, qualifier = self.find(p, region)
        if qualifier:
            f.version(qualifier)
        policy = f.policies.setdefault(qualifier, {"id": "", "statements": {}})
        f.revision(p.get("RevisionId"), policy["id"])
        if p["StatementId"] in policy["statements"]:
            raise Refused("ResourceConflictException", f"The statement id ({p['StatementId']}) provided already "
                          "exists. Please provide a new statement id, or remove the existing statement.")
        if p["Action"] == "lambda:InvokeFunctionUrl" and "FunctionUrlAuthType" not in p and p["Principal"] == "*":
            raise bad("FunctionUrlAuthType is required for lambda:InvokeFunctionUrl with the principal *")
        if p["Action"] != "lambda:InvokeFunctionUrl" and "FunctionUrlAuthType" in p:
            raise bad("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
        star = p["Principal"] == "*"
        service = p["Principal"].endswith(".amazonaws.com")
        statement = {"Sid": p["StatementId"], "Effect": "Allow", "Principal": "*" if star else {
            "Service" if service else "AWS": p["Principal"]}, "Action": p["Action"],
            "Resource": f.arn + (f":{qualifier}" if qualifier else "")}
        if "FunctionUrlAuthType" in p:
            statement["Condition"] = {"StringEquals": {"lambda:FunctionUrlAuthType": p["FunctionUrlAuthType"]}}
        if "InvokedViaFunctionUrl" in p:
            statement["Condition"] = {"Bool": {"lambda:InvokedViaFunctionUrl": str(p["InvokedViaFunctionUrl"]).lower()}}
        policy["statements"][p["StatementId"]] = statement
        policy["id"] = str(uuid.uuid4())
        return {"Statement": json.dumps(statement)}

    def policy(self, f, qualifier):
        policy = f.policies.get(qualifier)
        if not policy or not policy["statements"]:
            raise Refused("ResourceNotFoundException", "The resource you requested does not exist.")
        return policy

    def GetPolicy(self, p, region):
        policy = self.policy(*self.find(p, region))
        return {"Policy": json.dumps({"Version": "2012-10-17", "Id": "default",
                                      "Statement": list(policy["statements"].values())}), "RevisionId": policy["id"]}

    def RemovePermission(self, p, region):
        policy = self.policy(*self.find(p, region))
        if p["StatementId"] not in policy["statements"]:
            raise Refused("ResourceNotFoundException", f"Statement {p['StatementId']} is not found in resource policy.")
        del policy["statements"][p["StatementId"]]
        policy["id"] = str(uuid.uuid4())
        return {}

    # ---- tags, concurrency, layers ----

    def tagged(self, p, region):
        f, qualifier = self.find({"FunctionName": p["Resource"]}, region)
        if qualifier or not p["Resource"].startswith("arn:"):
            raise bad("Tags on function aliases and versions are not supported. Please specify either a function ARN.")
        return f

    def TagResource(self, p, region):
        self.tagged(p, region).tags.update(p["Tags"])
        return {}

    def UntagResource(self, p, region):
        f = self.tagged(p, region)
        for key in p["TagKeys"]:
            f.tags.pop(key, None)
        return {}

    def ListTags(self, p, region):
        return {"Tags": self.tagged(p, region).tags}

    def PutFunctionConcurrency(self, p, region):
        f, _ = self.find(p, region)
        f.reserved = p["ReservedConcurrentExecutions"]
        return {"ReservedConcurrentExecutions": f.reserved}

    def GetFunctionConcurrency(self, p, region):
        f, _ = self.find(p, region)
        return {} if f.reserved is None else {"ReservedConcurrentExecutions": f.reserved}

    def DeleteFunctionConcurrency(self, p, region):
        self.find(p, region)[0].reserved = None
        return {}

    def PublishLayerVersion(self, p, region):
        data, _ = self.code(p["Content"])
        name = p["LayerName"].rpartition(":")[2]
        number = 1 + max((n for place, layer, n in self.layers if (place, layer) == (region, name)), default=0)
        arn = f"arn:aws:lambda:{region}:{ACCOUNT}:layer:{name}"
        made = {"Content": {"Location": f"{self.server.url}/_layer/{name}/{number}", "CodeSize": len(data),
                            "CodeSha256": base64.b64encode(hashlib.sha256(data).digest()).decode()},
                "LayerArn": arn, "LayerVersionArn": f"{arn}:{number}", "Description": p.get("Description", ""),
                "CreatedDate": stamp(), "Version": number,
                **{k: p[k] for k in ("CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo") if k in p}}
        self.layers[region, name, number] = made
        return made

    def GetLayerVersionByArn(self, p, region):
        _, _, _, place, _, _, name, number = p["Arn"].split(":")
        if place != region or (region, name, int(number)) not in self.layers:
            raise Refused("ResourceNotFoundException", "The resource you requested does not exist.")
        return self.layers[region, name, int(number)]

    # ---- calls ----

    def choose(self, f, qualifier):
        """The version that a call goes to: by its weight, and exactly so."""
        alias = f.aliases.get(qualifier)
        for number, weight in (alias or {}).get("RoutingConfig", {}).get("AdditionalVersionWeights", {}).items():
            share = f.shares.get(qualifier, 0.0) + weight
            f.shares[qualifier] = share - (share >= 1 - 1e-9)
            if share >= 1 - 1e-9:
                return f.versions[number]
        return f.version(qualifier)

    def Invoke(self, p, region):
        f, qualifier = self.find(p, region)
        v = self.choose(f, qualifier)
        if v.config["State"] != "Active":
            state = v.config["State"]
            v.asked()
            raise Refused("ResourceConflictException", "The operation cannot be performed at this time. "
                          f"The function is currently in the following state: {state}")
        event = p.get("Payload", b"") or b"{}"
        how = p.get("InvocationType", "RequestResponse")
        if len(event) > (1048576 if how == "Event" else 6291456):
            raise Refused("RequestTooLargeException", f"{len(event)} byte payload is too large for the {how} "
                          f"invocation type (limit {1048576 if how == 'Event' else 6291456} bytes)")
        try:
            json.loads(event)
        except ValueError:
            raise Refused("InvalidRequestContentException", "Could not parse request body into json: Unrecognized "
                          "token") from None
        if how == "DryRun":
            return {"StatusCode": 204, "Payload": b""}
        number = v.config["Version"]
        with self.server.unlocked():
            run = Run(v, f.arn + (f":{qualifier}" if qualifier else ""), event, self.server.dir)
        group = v.config["LoggingConfig"]["LogGroup"]
        stream = f"{utc():%Y/%m/%d}/[{number}]{hashlib.md5((f.arn + number).encode()).hexdigest()}"
        self.server.logs.put(region, group, stream, run.lines())
        if how == "Event":
            return {"StatusCode": 202, "Payload": b""}
        out = {"StatusCode": 200, "ExecutedVersion": number, "Payload": run.answer if run.error is None else run.error}
        if run.error is not None:
            out["FunctionError"] = "Unhandled"
        if p.get("LogType") == "Tail":
            out["LogResult"] = run.tail()
        return out
