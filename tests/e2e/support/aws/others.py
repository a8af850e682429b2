# SPDX-License-Identifier: Apache-2.0
"""The services beside Lambda: S3, CloudWatch Logs, STS, SSO, and the endpoints that give keys without a signature."""
import base64
import datetime
import hashlib
import json
import re
import time
import uuid
import zlib

from .functions import ACCOUNT
from .model import Answer, Refused
from .sign import utc


def aware(when):
    return when.replace(microsecond=0, tzinfo=datetime.timezone.utc)


class S3:
    """Buckets of settings["buckets"], each in its region; objects by path."""

    def __init__(self, server):
        self.server = server
        self.objects = {}

    def bucket(self, name, region):
        place = self.server.settings["buckets"].get(name)
        if not place:
            raise Refused("NoSuchBucket", "The specified bucket does not exist", 404)
        if place != region:
            raise Refused("PermanentRedirect", "The bucket you are attempting to access must be addressed using the "
                          "specified endpoint. Please send all future requests to this endpoint.", 301,
                          {"x-amz-bucket-region": place})

    def code(self, bucket, key):
        if (bucket, key) not in self.objects:
            raise Refused("InvalidParameterValueException", "Error occurred while GetObject. S3 Error Code: NoSuchKey. "
                          "S3 Error Message: The specified key does not exist.")
        return self.objects[bucket, key]["data"]

    def PutObject(self, p, region):
        self.bucket(p["Bucket"], region)
        data = p.get("Body", b"")
        if "ContentMD5" in p and base64.b64encode(hashlib.md5(data).digest()).decode() != p["ContentMD5"]:
            raise Refused("BadDigest", "The Content-MD5 you specified did not match what we received.", 400)
        sums = {"ChecksumSHA256": lambda d: base64.b64encode(hashlib.sha256(d).digest()).decode(),
                "ChecksumCRC32": lambda d: base64.b64encode(zlib.crc32(d).to_bytes(4, "big")).decode()}
        given = {k: p[k] for k in sums if k in p}
        for key, value in given.items():
            if sums[key](data) != value:
                raise Refused("BadDigest", f"The {key[8:]} you specified did not match the calculated checksum.", 400)
        tag = f'"{hashlib.md5(data).hexdigest()}"'
        self.objects[p["Bucket"], p["Key"]] = {"data": data, "tag": tag, "when": utc(), "meta": p.get("Metadata", {}),
                                               **given}
        return {"ETag": tag, **given}

    def found(self, p, region, missing):
        self.bucket(p["Bucket"], region)
        if (p["Bucket"], p["Key"]) not in self.objects:
            raise Refused(missing, "The specified key does not exist." if missing == "NoSuchKey" else "Not Found", 404)
        return self.objects[p["Bucket"], p["Key"]]

    def HeadObject(self, p, region):
        o = self.found(p, region, "404")
        out = {"ContentLength": len(o["data"]), "ETag": o["tag"], "LastModified": aware(o["when"]),
               "Metadata": o["meta"]}
        if p.get("ChecksumMode") == "ENABLED":
            out.update({k: v for k, v in o.items() if k.startswith("Checksum")})
        return out

    def GetObject(self, p, region):
        o = self.found(p, region, "NoSuchKey")
        return {"Body": o["data"], "ContentLength": len(o["data"]), "ETag": o["tag"], "LastModified": aware(o["when"]),
                "Metadata": o["meta"]}

    def HeadBucket(self, p, region):
        self.bucket(p["Bucket"], region)
        return {}


class Logs:
    """Groups of streams of events; pages of settings["page"] events, an empty one first if settings["empty_pages"]."""

    def __init__(self, server):
        self.server = server
        self.groups = {}
        self.count = 0

    def put(self, region, group, stream, lines, when=None):
        now = int(1000 * time.time())
        events = self.groups.setdefault((region, group), {}).setdefault(stream, [])
        for line in lines:
            self.count += 1
            events.append({"timestamp": now if when is None else when, "message": line + "\n", "ingestionTime": now,
                           "eventId": f"{now:020d}{self.count:036d}", "logStreamName": stream})

    def group(self, p, region):
        name = p.get("logGroupName") or p.get("logGroupIdentifier", "").rpartition(":")[2]
        if (region, name) not in self.groups:
            raise Refused("ResourceNotFoundException", "The specified log group does not exist.", 400)
        return name, self.groups[region, name]

    @staticmethod
    def wanted(pattern):
        """A filter of words and quoted words, which all have to occur; ?word: one of these."""
        if not pattern:
            return lambda text: True
        if pattern[0] in "{[%":
            raise Refused("InvalidParameterException", "this server knows filters of words only", 400)
        words = [a or b for a, b in re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', pattern)]
        some = [w[1:] for w in words if w[0] == "?"]
        every = [w for w in words if w[0] != "?"]
        return lambda text: all(w in text for w in every) and (not some or any(w in text for w in some))

    def FilterLogEvents(self, p, region):
        _, streams = self.group(p, region)
        wanted = self.wanted(p.get("filterPattern"))
        prefix = p.get("logStreamNamePrefix", "")
        names = p.get("logStreamNames", list(streams))
        first, last = p.get("startTime", 0), p.get("endTime", 1 << 62)
        events = sorted((e for n, s in streams.items() if n in names and n.startswith(prefix) for e in s
                         if first <= e["timestamp"] <= last and wanted(e["message"])),
                        key=lambda e: (e["timestamp"], e["eventId"]))
        first, began = 0, False
        if "nextToken" in p:
            if not re.fullmatch(r"t/\d+", p["nextToken"]):
                raise Refused("InvalidParameterException", "The specified nextToken is invalid.", 400)
            first, began = int(p["nextToken"][2:]), True
        if self.server.settings["empty_pages"] and not began:
            return {"events": [], "searchedLogStreams": [], "nextToken": "t/0"}
        size = min(p.get("limit", 10000), self.server.settings["page"])
        out = {"events": events[first:first + size], "searchedLogStreams": []}
        if first + size < len(events):
            out["nextToken"] = f"t/{first + size}"
        return out

    def GetLogEvents(self, p, region):
        _, streams = self.group(p, region)
        if p["logStreamName"] not in streams:
            raise Refused("ResourceNotFoundException", "The specified log stream does not exist.", 400)
        events = [{k: e[k] for k in ("timestamp", "message", "ingestionTime")} for e in streams[p["logStreamName"]]
                  if p.get("startTime", 0) <= e["timestamp"] < p.get("endTime", 1 << 62)]
        first = int(p.get("nextToken", "f/0")[2:])
        size = min(p.get("limit", 10000), self.server.settings["page"])
        return {"events": events[first:first + size], "nextBackwardToken": "b/0",
                "nextForwardToken": f"f/{min(first + size, len(events))}"}

    def DescribeLogStreams(self, p, region):
        name, streams = self.group(p, region)
        arn = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{name}:log-stream:"
        out = [{"logStreamName": n, "arn": arn + n, "storedBytes": 0, "creationTime": s[0]["timestamp"],
                "firstEventTimestamp": s[0]["timestamp"], "lastEventTimestamp": s[-1]["timestamp"]}
               for n, s in sorted(streams.items()) if n.startswith(p.get("logStreamNamePrefix", ""))]
        if p.get("orderBy") == "LastEventTime":
            out.sort(key=lambda s: s["lastEventTimestamp"])
        return {"logStreams": out[::-1] if p.get("descending") else out}


class Sts:
    def __init__(self, server):
        self.server = server

    def made(self, p, who):
        arn = p["RoleArn"]
        role = arn.rpartition("/")[2]
        if arn not in self.server.settings["roles"]:
            raise Refused("AccessDenied", f"User: {who} is not authorized to perform: sts:AssumeRole on resource: "
                          f"{arn}", 403)
        keys = self.server.keys.new(f"{role}/{p['RoleSessionName']}", seconds=self.server.settings["lifetime"])
        return {"Credentials": keys, "AssumedRoleUser": {
            "AssumedRoleId": f"AROA0123456789ABCDEF0:{p['RoleSessionName']}",
            "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{p['RoleSessionName']}"}}

    def AssumeRole(self, p, _, who):
        want = self.server.settings["roles"].get(p["RoleArn"]) or {}
        if p.get("ExternalId") != want.get("external_id") or ("mfa" in want and p.get("TokenCode") != want["mfa"]):
            raise Refused("AccessDenied", f"User: {who} is not authorized to perform: sts:AssumeRole on resource: "
                          f"{p['RoleArn']}", 403)
        return self.made(p, who)

    def AssumeRoleWithWebIdentity(self, p, *_):
        if p["WebIdentityToken"] != self.server.keys.web_token:
            raise Refused("InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error "
                          "if you sent an Access Token)")
        return self.made(p, "web")

    def GetCallerIdentity(self, _, __, who):
        return {"UserId": "AIDA0123456789ABCDEF0", "Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/{who}"}


class Sso:
    def __init__(self, server):
        self.server = server

    def GetRoleCredentials(self, p, *_):
        if p["accessToken"] != self.server.keys.sso_token:
            raise Refused("UnauthorizedException", "Session token not found or invalid")
        if p["accountId"] != ACCOUNT:
            raise Refused("ForbiddenException", "No access", 403)
        keys = self.server.keys.new(f"sso/{p['roleName']}", seconds=self.server.settings["lifetime"])
        return {"roleCredentials": {"accessKeyId": keys["AccessKeyId"], "secretAccessKey": keys["SecretAccessKey"],
                                    "sessionToken": keys["SessionToken"],
                                    "expiration": 1000 * int(keys["Expiration"].timestamp())}}

    def CreateToken(self, p, *_):
        keys = self.server.keys
        if p["grantType"] != "refresh_token" or p.get("refreshToken") != keys.sso_refresh or \
                p["clientSecret"] != keys.sso_client:
            raise Refused("InvalidGrantException", "Invalid refresh token provided")
        return {"accessToken": keys.sso_token, "tokenType": "Bearer", "expiresIn": 28800,
                "refreshToken": keys.sso_refresh}


def metadata(server, method, path, headers):
    """The endpoints of containers and of instances; None if @path is none of theirs."""
    if path == "/v2/credentials/slsc":
        if headers.get("Authorization") != server.keys.container_token:
            return "ContainerCredentials", Answer(403, {}, b'{"code":"AccessDenied","message":"no such token"}')
        return "ContainerCredentials", given(server, "container", {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/task"})
    if not path.startswith("/latest/"):
        return None
    if path == "/latest/api/token":
        seconds = headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if method != "PUT" or not seconds.isdigit() or not 1 <= int(seconds) <= 21600:
            return "MetadataToken", Answer(400)
        return "MetadataToken", Answer(200, {"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": seconds},
                                       server.keys.metadata_token.encode())
    if headers.get("X-aws-ec2-metadata-token") != server.keys.metadata_token:
        return "Metadata", Answer(401)
    if path == "/latest/meta-data/iam/security-credentials/":
        return "MetadataRole", Answer(200, {"Content-Type": "text/plain"}, b"instance-role")
    if path == "/latest/meta-data/iam/security-credentials/instance-role":
        return "MetadataCredentials", given(server, "instance", {"Code": "Success", "Type": "AWS-HMAC",
                                                                 "LastUpdated": utc().strftime("%Y-%m-%dT%H:%M:%SZ")})
    if path == "/latest/meta-data/placement/region":
        return "MetadataRegion", Answer(200, {}, server.settings["instance_region"].encode())
    return "Metadata", Answer(404)


def given(server, who, more):
    keys = server.keys.new(who, seconds=server.settings["lifetime"])
    body = {"AccessKeyId": keys["AccessKeyId"], "SecretAccessKey": keys["SecretAccessKey"],
            "Token": keys["SessionToken"], "Expiration": keys["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ"), **more}
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(body).encode())


def new_id():
    return str(uuid.uuid4())
