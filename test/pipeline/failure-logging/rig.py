"""Loads the failure-logging module as Lambda does, with a stub of boto3."""

import contextlib
import importlib
import io
import json
import os
import sys
import types
import unittest

import boto3

KEY = {"partition": {"name": "ResourceName", "type": "S"}, "sort": {"name": "DateProjectCode", "type": "S"}}


def event(*keys):
    return {"Records": [{"s3": {"bucket": {"name": "in"}, "object": {"key": key}}} for key in keys]}


class Context:
    log_stream_name = "2025/11/21/[$LATEST]abc"

    def __init__(self, remaining=60_000):
        self.remaining = remaining

    def get_remaining_time_in_millis(self):
        return self.remaining


def failing(message="Textract said no", error_type="RuntimeError", **more):
    body = {"message": "Error", "error": message, "error_type": error_type, "processing_time_seconds": 1.25, **more}
    return {"statusCode": 500, "body": json.dumps(body)}


class Rig(unittest.TestCase):
    def setUp(self):
        boto3.table = boto3.Table()
        boto3.made.clear()
        self.output = ""

    def module(self, former, key=KEY, **environment):
        """The module with a former handler, loaded as Lambda does."""
        shelf = types.ModuleType("former_code")
        shelf.handle = former
        sys.modules["former_code"] = shelf
        os.environ.update(
            {
                "RESCAN_FORMER_HANDLER": "former_code.handle",
                "RESCAN_TABLE": "T",
                "RESCAN_TABLE_KEY": json.dumps(key),
                "RESCAN_KEY_ENCODING": "raw",
                "MODEL_ID": "us.amazon.nova-lite-v1:0",
                "AWS_REGION": "us-east-1",
                **environment,
            }
        )
        sys.modules.pop("rescan_failure_logging", None)
        sys.modules.pop("rescan_failure_record", None)
        return importlib.import_module("rescan_failure_logging")

    def record(self):
        """The module that writes records."""
        self.module(lambda *_: None)
        return importlib.import_module("rescan_failure_record")

    def run_it(self, former, what=None, context=None, out=None, **options):
        module = self.module(former, **options)
        out = out or io.StringIO()
        try:
            with contextlib.redirect_stdout(out):
                return module.handler(event("a.png") if what is None else what, context or Context())
        finally:
            self.output = out.getvalue() if isinstance(out, io.StringIO) else ""

    def item(self, at=-1):
        return boto3.table.items[at]["Item"]

    def refused(self, pattern, former=None, **options):
        reply = failing()
        self.assertIs(self.run_it(former or (lambda *_: reply), **options) and reply, reply)
        self.assertRegex(self.output, r"^RESCAN_FAILURE_LOGGING not written: image=.* error=" + pattern)
        self.assertEqual(self.output.count("\n"), 1)
