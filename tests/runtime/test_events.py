# SPDX-License-Identifier: Apache-2.0
"""The events template: S3's notifications, each handled once."""

import json
import os
import tempfile

from kit import Case, TEMPLATES, run_api


def record(key="summer/lake+1%C3%BC.jpg", sequencer="0055AED6DCD90281E5", **change):
    return {"eventVersion": "2.1", "eventName": "ObjectCreated:Put", "s3": {
        "bucket": {"name": "photos"}, "object": {"key": key, "size": 1024, "sequencer": sequencer, **change}}}


class Events(Case):
    @classmethod
    def setUpClass(cls):
        src = os.path.join(TEMPLATES, "events/src")
        cls.binary = cls.build("events", "lambda", [os.path.join(src, "events.c"), os.path.join(src, "seen.c")])

    def api(self, event, *options, status=0):
        with tempfile.NamedTemporaryFile("w", dir=self.dir) as file:
            json.dump(event, file)
            file.flush()
            done = run_api("--payload-file", file.name, *options, "--", self.binary)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def test_once(self):
        done = self.api({"Records": [record()]}, "--expect", '{"processed":1,"skipped":0}',
                        "--env", "AWS_LAMBDA_LOG_FORMAT=JSON")
        line = json.loads(done.stderr)
        self.assertEqual((line["message"], line["event"], line["bucket"], line["key"], line["bytes"]),
                         ("object", "ObjectCreated:Put", "photos", "summer/lake 1\u00fc.jpg", 1024))
        twice = {"Records": [record(), record("other"), record(), record(sequencer="0055AED6DCD90281E6")]}
        self.api(twice, "--expect", '{"processed":3,"skipped":1}')
        self.api({"Records": []}, "--expect", '{"processed":0,"skipped":0}')

    def test_delivered_again(self):
        answers = ['{"processed":1,"skipped":0}', '{"processed":0,"skipped":1}']
        done = self.api({"Records": [record()]}, "--count", "2", "--expect", answers[1], status=1)
        self.assertIn("2 invocations, 1 ok, 1 failed", done.stdout)
        self.assertEqual(done.stderr.count("INFO"), 1)

    def test_many(self):
        """More than the table holds: the oldest are forgotten, nothing else is."""
        first = [record("k%d" % i) for i in range(4096)]
        self.api({"Records": first + first}, "--expect", '{"processed":4096,"skipped":4096}', "--deadline-in", "60000")
        late = [record("late%d" % i) for i in range(1000)]
        self.api({"Records": first + late + first[1000:] + late}, "--expect",
                 '{"processed":5096,"skipped":4096}', "--deadline-in", "60000")

    def test_no_time_left(self):
        done = self.api({"Records": [record()]}, "--expect-error", "OutOfTime", "--deadline-in", "400")
        self.assertNotIn("INFO", done.stderr)

    def test_bad_events(self):
        for event in ({}, [], {"Records": 1}, {"Records": {"a": 1}}, {"Records": [1]}, {"Records": [{}]},
                      {"Records": [record("%")]}, {"Records": [record("a%4")]}, {"Records": [record("%zz")]},
                      {"Records": [record(size="x")]}, {"Records": [record(key=None)]}):
            self.api(event, "--expect-error", "InvalidInput")
