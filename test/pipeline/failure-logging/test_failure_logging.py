"""The failure-logging module, against a stand-in for boto3. Run by failure-logging.test.ts."""

import contextlib
import hashlib
import importlib
import io
import json
import os
import sys
import time
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


class FailureLogging(unittest.TestCase):
    def setUp(self):
        boto3.table = boto3.Table()
        boto3.made.clear()
        self.said = ""

    def module(self, former, key=KEY, **environment):
        """The module around a former handler, as Lambda would load it."""
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
        return importlib.import_module("rescan_failure_logging")

    def run_it(self, former, what=None, context=None, **options):
        module = self.module(former, **options)
        out = io.StringIO()
        try:
            with contextlib.redirect_stdout(out):
                return module.handler(event("a.png") if what is None else what, context or Context())
        finally:
            self.said = out.getvalue()

    def item(self, at=-1):
        return boto3.table.items[at]["Item"]

    # --- what it gives back ---------------------------------------------------------------------

    def test_a_success_is_given_back_as_it_is_and_boto3_is_never_asked(self):
        reply = {"statusCode": 200, "body": "{}"}
        self.assertIs(self.run_it(lambda *_: reply), reply)
        self.assertEqual((boto3.made, self.said), ([], ""))

    def test_any_reply_is_given_back_whatever_it_is(self):
        for reply in (None, [], "text", 7, {"statusCode": "x"}, {"statusCode": None}, {"statusCode": 399}, {}):
            self.assertIs(self.run_it(lambda *_: reply), reply)
            self.assertEqual(boto3.table.items, [])

    def test_a_failed_reply_is_given_back_as_it_is_and_logged(self):
        for status in (400, 500, "500", 503.0):
            reply = {**failing(), "statusCode": status}
            self.assertIs(self.run_it(lambda *_: reply), reply)
        self.assertEqual(len(boto3.table.items), 4)

    def test_an_exception_is_raised_as_it_is_and_logged(self):
        for error in (ValueError("no"), KeyError("entries"), SystemExit(1), KeyboardInterrupt()):

            def raises(*_, error=error):
                raise error

            with self.assertRaises(type(error)) as raised:
                self.run_it(raises)
            self.assertIs(raised.exception, error)
        self.assertEqual(len(boto3.table.items), 4)

    def test_the_event_and_context_are_handed_on(self):
        seen = []
        what, context = event("x.png"), Context()
        self.run_it(lambda *given: seen.append(given), what, context)
        self.assertIs(seen[0][0], what)
        self.assertIs(seen[0][1], context)

    def test_a_former_module_that_cannot_be_imported_fails_as_it_would_without_us(self):
        with self.assertRaises(ModuleNotFoundError):
            os.environ["RESCAN_FORMER_HANDLER"] = "not_there.handler"
            sys.modules.pop("rescan_failure_logging", None)
            importlib.import_module("rescan_failure_logging")

    def test_a_success_costs_less_than_five_milliseconds(self):
        module = self.module(lambda *_: {"statusCode": 200})
        what, context = event("a.png"), Context()
        began = time.perf_counter()
        for _ in range(200):
            module.handler(what, context)
        self.assertLess((time.perf_counter() - began) / 200, 0.005)

    # --- the record -----------------------------------------------------------------------------

    def test_the_record_stands_under_the_real_key_of_the_table(self):
        self.run_it(lambda *_: failing(), event("2025/Nik Coultas #1.png"))
        item = self.item()
        self.assertEqual(item["ResourceName"], {"S": "FAILED_IMAGE"})
        self.assertEqual(item["DateProjectCode"]["S"], "2025/Nik Coultas #1.png#" + item["FailureTimestamp"]["S"])
        self.assertRegex(item["FailureTimestamp"]["S"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(boto3.table.items[-1]["ConditionExpression"], "attribute_not_exists(#p)")

    def test_the_record_holds_what_is_known(self):
        self.run_it(lambda *_: failing("Parsing failed", "JSONDecodeError", stack_trace="Trace", input_tokens=12))
        item = self.item()
        for name, value in {
            "ImageKey": {"S": "a.png"},
            "RecordType": {"S": "FAILED_IMAGE"},
            "FailureType": {"S": "PARSING_ERROR"},
            "ErrorMessage": {"S": "Parsing failed"},
            "ErrorCode": {"S": "JSONDecodeError"},
            "StackTrace": {"S": "Trace"},
            "ProcessingTimeSeconds": {"N": "1.25"},
            "InputTokens": {"N": "12"},
            "OutputTokens": {"N": "0"},
            "S3Bucket": {"S": "in"},
            "S3Region": {"S": "us-east-1"},
            "ModelId": {"S": "us.amazon.nova-lite-v1:0"},
            "CloudWatchLogStream": {"S": "2025/11/21/[$LATEST]abc"},
            "AttemptNumber": {"N": "1"},
        }.items():
            self.assertEqual(item[name], value, name)

    def test_an_exception_leaves_its_class_its_text_and_its_trace(self):
        def raises(*_):
            raise ValueError("validation of the sheet failed")

        with self.assertRaises(ValueError):
            self.run_it(raises)
        item = self.item()
        self.assertEqual(item["ErrorCode"], {"S": "ValueError"})
        self.assertEqual(item["FailureType"], {"S": "VALIDATION_ERROR"})
        self.assertIn("in raises", item["StackTrace"]["S"])

    def test_the_failure_type_follows_the_first_rule_that_matches(self):
        module = self.module(lambda *_: None)
        for text, kind in (
            ("JSON parsing and validation", "PARSING_ERROR"),
            ("expecting json", "PARSING_ERROR"),
            ("Validation: throttled", "VALIDATION_ERROR"),
            ("ThrottlingException in Textract", "THROTTLING_ERROR"),
            ("TEXTRACT could not", "TEXTRACT_ERROR"),
            ("whatever", "OCR_ERROR"),
            ("", "OCR_ERROR"),
        ):
            self.assertEqual(module.failure_type(text), kind, text)

    def test_the_version_is_that_of_the_file_beside_the_module(self):
        module = self.module(lambda *_: failing())
        here = os.path.dirname(os.path.abspath(module.__file__))
        path = os.path.join(here, "OCR_VERSION.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write("VERSION=2.6.1\nBUILD_DATE=2025-11-21\nDESCRIPTION=Better = best\n")
        try:
            self.run_it(lambda *_: failing())
        finally:
            os.remove(path)
        item = self.item()
        self.assertEqual(item["OCRVersion"], {"S": "2.6.1"})
        self.assertEqual(item["OCRFullVersion"], {"S": "2.6.1 (2025-11-21)"})
        self.assertEqual(item["OCRDescription"], {"S": "Better = best"})

    def test_texts_are_cut_to_their_limits(self):
        self.run_it(lambda *_: failing("e" * 9000, stack_trace="s" * 9000, raw_ocr_output="r" * 20000))
        item = self.item()
        self.assertEqual(
            [len(item[name]["S"]) for name in ("ErrorMessage", "StackTrace", "RawOCROutput")], [5000, 5000, 10000]
        )

    def test_numbers_that_dynamodb_does_not_take_are_left_out(self):
        for number in (float("nan"), float("inf"), "x", None, [], 10**400):
            module = self.module(lambda *_: None)
            self.assertEqual(module._number(number, 3), "3")

    def test_the_attempts_are_counted_for_this_very_image(self):
        former = lambda *_: failing()  # noqa: E731
        for _ in range(2):
            self.run_it(former, event("a.png"))
        self.run_it(former, event("a.png#b.png"))
        self.run_it(former, event("a.png"))
        numbers = [put["Item"]["AttemptNumber"]["N"] for put in boto3.table.items]
        self.assertEqual(numbers, ["1", "2", "1", "3"])
        query = boto3.table.queries[-1]
        self.assertTrue(query["ConsistentRead"])
        self.assertEqual(query["ExpressionAttributeValues"][":s"], {"S": "a.png#"})

    def test_a_record_is_written_though_its_attempts_cannot_be_counted(self):
        boto3.table.query_errors.append(boto3.ClientError("AccessDeniedException"))
        self.run_it(lambda *_: failing())
        self.assertEqual(self.item()["AttemptNumberUnknown"], {"BOOL": True})

    def test_every_image_of_the_event_has_its_record(self):
        self.run_it(lambda *_: failing(), event("a.png", "b.png"))
        self.assertEqual([put["Item"]["ImageKey"]["S"] for put in boto3.table.items], ["a.png", "b.png"])
        self.assertEqual(self.said.count("written: image="), 2)

    def test_the_key_is_decoded_where_the_event_has_it_encoded(self):
        self.run_it(lambda *_: failing(), event("a+b%2B%C3%BC.png"), RESCAN_KEY_ENCODING="url")
        self.assertEqual(self.item()["ImageKey"], {"S": "a b+ü.png"})

    # --- keys of every kind ---------------------------------------------------------------------

    def test_a_key_too_long_for_a_sort_key_is_hashed(self):
        key = "é" * 451
        self.run_it(lambda *_: failing(), event(key))
        part = "sha256:" + hashlib.sha256(key.encode()).hexdigest()
        self.assertTrue(self.item()["DateProjectCode"]["S"].startswith(part + "#"))
        self.assertEqual(self.item()["ImageKey"], {"S": key})

    def test_numeric_and_binary_keys_are_filled_by_their_type(self):
        key = {"partition": {"name": "P", "type": "N"}, "sort": {"name": "S", "type": "B"}}
        self.run_it(lambda *_: failing(), key=key)
        mark = -int(hashlib.sha256(b"FAILED_IMAGE").hexdigest()[:12], 16)
        self.assertEqual(self.item()["P"], {"N": str(mark)})
        self.assertTrue(self.item()["S"]["B"].startswith(b"a.png#2"))
        key = {"partition": {"name": "P", "type": "B"}, "sort": {"name": "S", "type": "N"}}
        self.run_it(lambda *_: failing(), key=key)
        self.assertEqual(self.item()["P"], {"B": b"FAILED_IMAGE"})
        self.assertRegex(self.item()["S"]["N"], r"^\d{16}$")

    def test_a_table_without_a_sort_key_gets_the_next_attempt_that_is_free(self):
        boto3.table.put_errors.append(boto3.ClientError("ConditionalCheckFailedException"))
        self.run_it(lambda *_: failing(), key={"partition": {"name": "P", "type": "S"}})
        self.assertEqual(self.item()["P"], {"S": "FAILED_IMAGE#a.png#2"})
        self.assertEqual(self.item()["AttemptNumber"], {"N": "2"})

    def test_a_record_of_the_same_millisecond_is_not_overwritten(self):
        boto3.table.put_errors.append(boto3.ClientError("ConditionalCheckFailedException"))
        self.run_it(lambda *_: failing())
        self.assertEqual(len(boto3.table.items), 1)

    def test_hostile_keys_are_data(self):
        for key in ('q"uote\n<!channel>.png', "emoji😀.png", "\ud800.png", "", "a#b#c"):
            self.run_it(lambda *_: failing(), event(key))
            self.assertIn("written: image=", self.said)
            self.assertEqual(self.said.count("\n"), 1)

    # --- its own troubles -----------------------------------------------------------------------

    def refused(self, pattern, former=None, **options):
        reply = failing()
        self.assertIs(self.run_it(former or (lambda *_: reply), **options) and reply, reply)
        self.assertRegex(self.said, r"^RESCAN_FAILURE_LOGGING not written: image=.* error=" + pattern)
        self.assertEqual(self.said.count("\n"), 1)

    def test_a_refused_write_is_one_line_that_names_the_error(self):
        boto3.table.put_errors.append(boto3.ClientError("AccessDeniedException", "not\nauthorized: PutItem"))
        self.refused("AccessDeniedException: .*not authorized: PutItem")

    def test_a_bad_environment_is_one_line(self):
        self.refused("JSONDecodeError", RESCAN_TABLE_KEY="{")

    def test_an_event_without_records_is_one_line(self):
        for what in ({}, {"Records": None}, {"Records": [{}]}, "text", None):
            self.run_it(lambda *_: failing(), what if what is not None else {"Records": 3})
            self.assertRegex(self.said, "^RESCAN_FAILURE_LOGGING not written: image=null")

    def test_a_function_about_to_time_out_is_not_held_up(self):
        self.refused("TimeoutError", context=Context(remaining=900))
        self.assertEqual(boto3.made, [])

    def test_an_exception_that_cannot_be_shown_is_logged_by_its_class(self):
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError("no words")

        def raises(*_):
            raise Mute()

        with self.assertRaises(Mute):
            self.run_it(raises)
        self.assertEqual(self.item()["ErrorMessage"], {"S": "Mute"})

    def test_bodies_of_any_kind_are_logged(self):
        for body in ("no json", "[1]", "null", None, {"error": "dict"}, 7, b"bytes"):
            self.run_it(lambda *_: {"statusCode": 500, "body": body})
            self.assertIn("written: image=", self.said)

    def test_the_client_gives_up_soon(self):
        self.run_it(lambda *_: failing())
        settings = boto3.made[0][1].settings
        self.assertEqual((settings["connect_timeout"], settings["read_timeout"]), (2, 3))


if __name__ == "__main__":
    unittest.main()
