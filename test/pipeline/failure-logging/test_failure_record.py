"""The record of a failure. Run by failure-logging.test.ts."""

import hashlib
import importlib
import json
import os
import sys
import types
import unittest

import boto3
from rig import Rig, event, failing


class Record(Rig):
    def test_the_record_has_the_real_key_of_the_table(self):
        self.run_it(lambda *_: failing(), event("2025/Nik Coultas #1.png"))
        item = self.item()
        self.assertEqual(item["ResourceName"], {"S": "FAILED_IMAGE"})
        self.assertEqual(item["DateProjectCode"]["S"], "2025/Nik Coultas #1.png#" + item["FailureTimestamp"]["S"])
        self.assertRegex(item["FailureTimestamp"]["S"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        put = boto3.table.items[-1]
        self.assertEqual(put["ConditionExpression"], "attribute_not_exists(#p) OR #id = :id")
        self.assertEqual(put["ExpressionAttributeValues"], {":id": put["Item"]["FailureId"]})

    def test_the_record_has_everything_that_is_known(self):
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

    def test_a_record_has_the_mark_and_the_names_of_the_pipeline(self):
        names = {"ImageKey": "Scan", "FailureId": "Nr", "RecordType": "What"}
        naming = json.dumps({"mark": "MISREAD", "names": names})
        self.addCleanup(os.environ.pop, "RESCAN_FAILURE_NAMES")
        self.run_it(lambda *_: failing(), event("a.png"), RESCAN_FAILURE_NAMES=naming)
        item = self.item()
        self.assertEqual([item["What"], item["ResourceName"], item["Scan"]], [{"S": "MISREAD"}] * 2 + [{"S": "a.png"}])
        self.assertEqual([name for name in names if name in item], [])
        put = boto3.table.items[-1]
        self.assertEqual(put["ExpressionAttributeNames"], {"#p": "ResourceName", "#id": "Nr"})
        self.assertEqual(put["ExpressionAttributeValues"], {":id": item["Nr"]})

    def test_the_record_of_an_exception_has_its_class_its_text_and_its_trace(self):
        def raises(*_):
            raise ValueError("validation of the sheet failed")

        with self.assertRaises(ValueError):
            self.run_it(raises)
        item = self.item()
        self.assertEqual(item["ErrorCode"], {"S": "ValueError"})
        self.assertEqual(item["FailureType"], {"S": "VALIDATION_ERROR"})
        self.assertIn("in raises", item["StackTrace"]["S"])
        self.assertNotIn("rescan_failure_logging.py", item["StackTrace"]["S"])

    def test_an_exception_without_a_text_has_the_last_failure_type(self):
        with self.assertRaises(json.JSONDecodeError):
            self.run_it(lambda *_: json.loads(""))
        self.assertEqual(self.item()["FailureType"], {"S": "OCR_ERROR"})

        class JsonProblem(Exception):
            pass

        def raises(*_):
            raise JsonProblem()

        with self.assertRaises(JsonProblem):
            self.run_it(raises)
        self.assertEqual(self.item()["FailureType"], {"S": "OCR_ERROR"})
        self.assertEqual(self.item()["ErrorMessage"], {"S": "JsonProblem"})

    def test_the_record_has_every_attribute(self):
        boto3.table.sizes["a.png"] = 812
        self.run_it(lambda *_: failing())
        for name in (
            "ImageKey FailureTimestamp RecordType FailureType ErrorMessage ErrorCode OCRVersion OCRBuildDate OCRDescription "
            "OCRFullVersion ModelId ProcessingTimeSeconds InputTokens OutputTokens RawOCROutput ValidationErrors S3Bucket "
            "S3Region ImageSize StackTrace CloudWatchLogStream AttemptNumber"
        ).split():
            self.assertIn(name, self.item())
        self.assertEqual(self.item()["ImageSize"], {"N": "812"})

    def test_the_size_comes_from_the_event_or_from_s3_or_is_absent(self):
        boto3.table.sizes["b.png"] = 7
        what = event("a.png", "b.png", "gone.png")
        what["Records"][0]["s3"]["object"]["size"] = 99
        self.run_it(lambda *_: failing(), what)
        sizes = [put["Item"].get("ImageSize") for put in boto3.table.items]
        self.assertEqual(sizes, [{"N": "99"}, {"N": "7"}, None])

    def test_the_model_comes_from_the_reply_or_the_environment(self):
        self.run_it(lambda *_: failing(), MODEL_ID="", RESCAN_MODEL_ID="set by the bot")
        self.assertEqual(self.item()["ModelId"], {"S": "set by the bot"})
        self.run_it(lambda *_: failing(model_id="of the reply"), RESCAN_MODEL_ID="set by the bot")
        self.assertEqual(self.item()["ModelId"], {"S": "of the reply"})

    def test_the_failure_type_follows_the_first_rule_that_matches(self):
        module = self.record()
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

    def item_with_version(self, text, name="OCR_VERSION.txt"):
        module = self.module(lambda *_: failing())
        path = os.path.join(os.path.dirname(os.path.abspath(module.__file__)), name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        try:
            self.run_it(lambda *_: failing())
        finally:
            os.remove(path)
        return self.item()

    def test_the_version_comes_from_the_file_in_the_same_folder(self):
        item = self.item_with_version("VERSION=2.6.1\nBUILD_DATE=2025-11-21\nDESCRIPTION=Better = best\n")
        self.assertEqual(item["OCRVersion"], {"S": "2.6.1"})
        self.assertEqual(item["OCRFullVersion"], {"S": "2.6.1-2025-11-21"})
        self.assertEqual(item["OCRDescription"], {"S": "Better = best"})

    def test_the_version_file_may_have_another_name(self):
        os.environ["RESCAN_VERSION_FILE"] = "INVOICE_VERSION.txt"
        try:
            item = self.item_with_version("VERSION=1.4.0\nBUILD_DATE=2025-10-01\n", "INVOICE_VERSION.txt")
        finally:
            del os.environ["RESCAN_VERSION_FILE"]
        self.assertEqual(item["OCRFullVersion"], {"S": "1.4.0-2025-10-01"})

    def test_a_version_file_without_a_line_costs_a_field_and_not_the_record(self):
        for text, full in (
            ("BUILD_DATE=2025-11-21\n", ""),
            ("VERSION=2.6.1\n", "2.6.1"),
            ("VERSION=\nBUILD_DATE=2025-11-21\n", ""),
            ("VERSION=2.6.1\nBUILD_DATE=\n", "2.6.1"),
            ("2.6.1\n", ""),
            ("VERSION={0}{NAME}\nBUILD_DATE=%s\n", "{0}{NAME}-%s"),
        ):
            self.assertEqual(self.item_with_version(text)["OCRFullVersion"], {"S": full}, text)

    def test_texts_are_cut_to_their_limits(self):
        self.run_it(lambda *_: failing("e" * 9000, stack_trace="s" * 9000, raw_ocr_output="r" * 20000))
        item = self.item()
        self.assertEqual(
            [len(item[name]["S"]) for name in ("ErrorMessage", "StackTrace", "RawOCROutput")], [5000, 5000, 10000]
        )

    def test_a_long_trace_keeps_its_end_with_the_error(self):
        self.run_it(lambda *_: failing(stack_trace="Traceback" + "s" * 9000 + "\nValueError: here"))
        self.assertRegex(self.item()["StackTrace"]["S"], r"(?s)^Traceback.*ValueError: here$")

    def test_numbers_that_dynamodb_does_not_accept_are_replaced(self):
        for number in (float("nan"), float("inf"), "x", None, [], 10**400):
            self.assertEqual(self.record()._number(number, 3), "3")

    def test_the_attempts_are_counted_for_exactly_this_image(self):
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

    def test_a_record_is_written_when_its_attempts_cannot_be_counted(self):
        boto3.table.query_errors.append(boto3.ClientError("AccessDeniedException"))
        self.run_it(lambda *_: failing())
        self.assertEqual(self.item()["AttemptNumberUnknown"], {"BOOL": True})

    def test_every_image_of_the_event_has_its_record(self):
        self.run_it(lambda *_: failing(), event("a.png", "b.png"))
        self.assertEqual([put["Item"]["ImageKey"]["S"] for put in boto3.table.items], ["a.png", "b.png"])
        self.assertEqual(self.output.count("written: image="), 2)

    def test_the_key_is_decoded_when_the_event_has_it_encoded(self):
        self.run_it(lambda *_: failing(), event("a+b%2B%C3%BC.png"), RESCAN_KEY_ENCODING="url")
        self.assertEqual(self.item()["ImageKey"], {"S": "a b+ü.png"})

    def test_the_key_of_an_s3_event_is_always_decoded(self):
        what = event("2025/Nik+Coultas%2B1.png")
        what["Records"][0]["eventSource"] = "aws:s3"
        self.run_it(lambda *_: failing(), what)
        self.assertEqual(self.item()["ImageKey"], {"S": "2025/Nik Coultas+1.png"})
        self.run_it(lambda *_: failing(), event("a+b.png"))
        self.assertEqual(self.item()["ImageKey"], {"S": "a+b.png"})

    def test_the_key_is_that_of_the_event_even_when_the_former_handler_changed_it(self):
        def changes(given, _):
            given["Records"][0]["s3"]["object"]["key"] = "changed"
            given["Records"].clear()
            return failing()

        self.run_it(changes, event("a+b.png"), RESCAN_KEY_ENCODING="url")
        self.assertEqual(self.item()["ImageKey"], {"S": "a b.png"})

    def test_a_handler_in_a_folder_of_the_package_is_found(self):
        for name in ("app_of_ours", "app_of_ours.main"):
            sys.modules[name] = types.ModuleType(name)
        sys.modules["app_of_ours.main"].run = lambda *_: 7
        for name in ("app_of_ours.main.run", "app_of_ours/main.run"):
            self.assertEqual(self.run_it(None, RESCAN_FORMER_HANDLER=name), 7)

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
        self.assertRegex(self.item()["S"]["N"], r"^\d{17,32}$")

    def test_a_numeric_sort_key_begins_with_the_image_so_that_attempts_can_be_queried(self):
        key = {"partition": {"name": "P", "type": "S"}, "sort": {"name": "S", "type": "N"}}
        self.run_it(lambda *_: failing(), key=key)
        query = boto3.table.queries[-1]
        self.assertEqual(query["KeyConditionExpression"], "#p = :p AND #s BETWEEN :a AND :z")
        first, last = (int(query["ExpressionAttributeValues"][name]["N"]) for name in (":a", ":z"))
        self.assertTrue(first <= int(self.item()["S"]["N"]) <= last)
        self.assertLess(last, 10**38)
        hashed = int(hashlib.sha256(b"a.png").hexdigest()[:12], 16)
        self.assertEqual(first, hashed * 10**17)

    def test_a_table_without_a_sort_key_uses_the_next_free_attempt(self):
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
            self.assertIn("written: image=", self.output)
            self.assertEqual(self.output.count("\n"), 1)

if __name__ == "__main__":
    unittest.main()
