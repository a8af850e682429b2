#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads event stream messages from stdin with the parser of awscli; a line of JSON for each: [headers, payload].

The payload is in base64. What that parser refuses ends it with the name of its exception.
"""

import base64
import json
import sys

try:
    from awscli.botocore.eventstream import EventStreamBuffer
except ImportError:
    sys.exit("awscli is missing: apt-get install awscli")

stream = EventStreamBuffer()
stream.add_data(sys.stdin.buffer.read())
try:
    for message in stream:
        print(json.dumps([message.headers, base64.b64encode(message.payload).decode()]))
except Exception as e:  # any of the parser's own
    sys.exit(type(e).__name__)
