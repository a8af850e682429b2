# SPDX-License-Identifier: Apache-2.0
"""Who calls: keys, tokens, and the check of a signature, which is botocore's own."""
import datetime
import hashlib
import hmac
import re
import secrets

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .model import Refused

FORM = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/, ]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request, ?"
                  r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})")
STAMP = "%Y%m%dT%H%M%SZ"


def utc():
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


class Keys:
    """The keys there are. Each run has its own, so that one found anywhere was put there by who was tested."""

    def __init__(self):
        self.known = {}
        self.words = set()      # what nobody may write down
        self.sso_token = self.word("sso")
        self.sso_refresh = self.word("refresh")
        self.sso_client = self.word("client")
        self.web_token = self.word("web")
        self.container_token = self.word("container")
        self.metadata_token = self.word("imds")
        self.static = self.new("static", temporary=False)
        self.denied = self.new("denied", temporary=False)
        self.session = self.new("session")
        self.expired = self.new("expired", seconds=-60)

    def word(self, kind):
        word = f"{kind}/{secrets.token_hex(16)}+="
        self.words.add(word)
        return word

    def new(self, who, temporary=True, seconds=3600):
        """Fresh keys, by the names that STS has for them."""
        made = {"AccessKeyId": ("ASIA" if temporary else "AKIA") + secrets.token_hex(8).upper(),
                "SecretAccessKey": self.word("key")}
        entry = {"who": who, "secret": made["SecretAccessKey"], "token": None, "until": None}
        if temporary:
            made["SessionToken"] = entry["token"] = self.word("session") + secrets.token_hex(40)
            self.words.add(made["SessionToken"])
            entry["until"] = utc() + datetime.timedelta(seconds=seconds)
            made["Expiration"] = entry["until"].replace(microsecond=0, tzinfo=datetime.timezone.utc)
        self.known[made["AccessKeyId"]] = entry
        return made

    def for_tests(self):
        def text(made):
            return {k: v if isinstance(v, str) else v.strftime("%Y-%m-%dT%H:%M:%SZ") for k, v in made.items()}
        return {"static": text(self.static), "denied": text(self.denied), "session": text(self.session),
                "expired": text(self.expired), "sso": self.sso_token, "sso_refresh": self.sso_refresh,
                "sso_client": self.sso_client, "web": self.web_token, "container": self.container_token}


def check(keys, service, method, url, headers, body, now):
    """Who signed the request, and for which region; or Refused. @now: the server's time."""
    s3 = service == "s3"
    header = headers.get("Authorization")
    if not header:
        raise Refused("AccessDenied" if s3 else "MissingAuthenticationTokenException",
                      "Access Denied" if s3 else "Missing Authentication Token", 403)
    found = FORM.fullmatch(header)
    if not found:
        raise Refused("IncompleteSignatureException", f"'{header.split(' ')[0]}' is no signature of version 4", 403)
    key, date, region, scope, signed, signature = found.groups()
    entry = keys.known.get(key)
    bad_token = Refused("InvalidAccessKeyId" if s3 else "InvalidClientTokenId" if service == "sts" else
                        "UnrecognizedClientException", "The security token included in the request is invalid.", 403)
    if not entry:
        raise bad_token
    stamp = headers.get("X-Amz-Date", "")
    when = at(stamp, date)
    skew(s3, stamp, when, now)
    if scope != service:
        raise Refused("InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'.", 403)
    if entry["token"] and headers.get("X-Amz-Security-Token") != entry["token"]:
        raise bad_token
    names = signed.split(";")
    left_out = [n.lower() for n in headers.keys() if n.lower().startswith("x-amz-") and n.lower() not in names]
    if names != sorted(names) or "host" not in names or left_out:
        raise Refused("InvalidSignatureException", "There were headers present in the request which were not signed: "
                      f"{', '.join(left_out) or signed}", 403)
    declared(s3, headers, body)
    request = AWSRequest(method=method, url=url, data=body)
    for name in names:
        for value in headers.get_all(name, []):
            request.headers[name] = value
    request.context["timestamp"] = stamp
    auth = (S3SigV4Auth if s3 else SigV4Auth)(Credentials(key, entry["secret"], entry["token"]), service, region)
    canonical = auth.canonical_request(request)
    if not hmac.compare_digest(auth.signature(auth.string_to_sign(request, canonical), request), signature):
        shown = canonical if not entry["token"] else canonical.replace(entry["token"], "***")
        raise Refused("SignatureDoesNotMatch" if s3 or service == "sts" else "InvalidSignatureException",
                      "The request signature we calculated does not match the signature you provided. Check your AWS "
                      "Secret Access Key and signing method. Consult the service documentation for details.\n\nThe "
                      f"Canonical String for this request should have been\n'{shown}'\n", 403)
    if entry["until"] and entry["until"] <= now:
        raise Refused("ExpiredToken" if s3 or service == "sts" else "ExpiredTokenException",
                      "The provided token has expired." if s3 else
                      "The security token included in the request is expired", 400 if s3 else 403)
    return entry["who"], region


def at(stamp, date):
    try:
        when = datetime.datetime.strptime(stamp, STAMP)
    except ValueError:
        raise Refused("IncompleteSignatureException", f"Date must be in ISO-8601 'basic format'. Got '{stamp}'.", 403) \
            from None
    if stamp[:8] != date:
        raise Refused("InvalidSignatureException", "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
                      f"version of date from HTTP: '{date}' != '{stamp[:8]}', from '{stamp}'.", 403)
    return when


def skew(s3, stamp, when, now):
    far = datetime.timedelta(minutes=15 if s3 else 5)
    if abs(when - now) <= far:
        return
    if s3:
        raise Refused("RequestTimeTooSkewed", "The difference between the request time and the current time is too "
                      "large.", 403)
    if when < now:
        raise Refused("InvalidSignatureException", f"Signature expired: {stamp} is now earlier than "
                      f"{(now - far).strftime(STAMP)} ({now.strftime(STAMP)} - 5 min.)", 403)
    raise Refused("InvalidSignatureException", f"Signature not yet current: {stamp} is still later than "
                  f"{(now + far).strftime(STAMP)} ({now.strftime(STAMP)} + 5 min.)", 403)


def declared(s3, headers, body):
    """The body's digest, if the request has it in a header; S3 wants it."""
    said = headers.get("X-Amz-Content-SHA256")
    if said is None and not s3:
        return
    if said is None:
        raise Refused("InvalidRequest", "Missing required header for this request: x-amz-content-sha256", 400)
    if said != hashlib.sha256(body).hexdigest():
        raise Refused("XAmzContentSHA256Mismatch" if s3 else "InvalidSignatureException",
                      "The provided 'x-amz-content-sha256' header does not match what was computed.",
                      400 if s3 else 403)
