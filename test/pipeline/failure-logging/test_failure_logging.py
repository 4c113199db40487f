"""What the function returns with failure logging. Run by failure-logging.test.ts."""

import ast
import contextlib
import importlib
import io
import os
import subprocess
import sys
import threading
import time
import traceback
import types
import unittest

import boto3
from rig import Context, Rig, event, failing


class GivenBack(Rig):
    def test_a_success_is_returned_unchanged_and_boto3_is_not_called(self):
        reply = {"statusCode": 200, "body": "{}"}
        self.assertIs(self.run_it(lambda *_: reply), reply)
        self.assertEqual((boto3.made, self.output), ([], ""))

    def test_a_reply_with_strange_behaviour_is_returned_unchanged(self):
        class Odd(dict):
            def get(self, *_):
                raise RuntimeError("no")

        class Status:
            def __int__(self):
                raise RuntimeError("no")

        for reply in (Odd(statusCode=500), {"statusCode": Status()}, {"statusCode": "9" * 5000}):
            self.assertIs(self.run_it(lambda *_: reply), reply)

    def test_a_check_of_the_bot_is_answered_without_the_former_handler(self):
        def raises(*_):
            raise AssertionError("called")

        reply = self.run_it(raises, {"rescanBotCheck": "abc"})
        self.assertEqual(reply, {"rescanBotCheck": "abc", "formerHandler": "former_code.handle"})
        self.assertEqual((boto3.made, self.output), ([], ""))

    def test_a_former_handler_that_is_missing_is_an_import_error(self):
        with self.assertRaisesRegex(ImportError, "Handler 'nobody' missing on module 'former_code'"):
            self.module(lambda *_: None, RESCAN_FORMER_HANDLER="former_code.nobody")

    def test_the_trace_of_an_exception_has_one_additional_frame(self):
        def raises(*_):
            raise ValueError("no")

        try:
            self.run_it(raises)
        except ValueError as error:
            frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
            self.assertEqual(frames[-2:], ["handler", "raises"])
            self.assertIsNone(error.__context__)
            self.assertIsNone(error.__cause__)

    def test_a_broken_output_changes_nothing(self):
        class Closed(io.TextIOBase):
            def write(self, _):
                raise ValueError("closed")

        class Raised(Exception):
            pass

        def raises(*_):
            raise Raised("\ud800 é")

        ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
        for out in (Closed(), ascii_only):
            boto3.table.put_errors.append(boto3.ClientError("AccessDeniedException", "\ud800 é"))
            with self.assertRaises(Raised):
                self.run_it(raises, out=out)
        ascii_only.flush()
        self.assertIn(b"RESCAN_FAILURE_LOGGING not written", ascii_only.buffer.getvalue())

    def test_any_reply_is_returned_unchanged(self):
        for reply in (None, [], "text", 7, {"statusCode": "x"}, {"statusCode": None}, {"statusCode": 399}, {}):
            self.assertIs(self.run_it(lambda *_: reply), reply)
            self.assertEqual(boto3.table.items, [])

    def test_a_failed_reply_is_returned_unchanged_and_recorded(self):
        for status in (400, 500, "500", 503.0):
            reply = {**failing(), "statusCode": status}
            self.assertIs(self.run_it(lambda *_: reply), reply)
        self.assertEqual(len(boto3.table.items), 4)

    def test_an_exception_is_raised_unchanged_and_recorded(self):
        for error in (ValueError("no"), KeyError("entries"), SystemExit(1), KeyboardInterrupt()):

            def raises(*_, error=error):
                raise error

            with self.assertRaises(type(error)) as raised:
                self.run_it(raises)
            self.assertIs(raised.exception, error)
        self.assertEqual(len(boto3.table.items), 4)

    def test_the_event_and_the_context_are_passed_on(self):
        received = []
        what, context = event("x.png"), Context()
        self.run_it(lambda *given: received.append(given), what, context)
        self.assertIs(received[0][0], what)
        self.assertIs(received[0][1], context)

    def test_a_former_module_that_cannot_be_imported_fails_as_without_failure_logging(self):
        with self.assertRaises(ModuleNotFoundError):
            os.environ["RESCAN_FORMER_HANDLER"] = "not_there.handler"
            sys.modules.pop("rescan_failure_logging", None)
            importlib.import_module("rescan_failure_logging")

    def test_it_uses_only_python_3_9(self):
        for part in (self.module(lambda *_: None), self.record()):
            with open(part.__file__, encoding="utf-8") as source:
                ast.parse(source.read(), feature_version=(3, 9))

    def test_a_success_loads_neither_boto3_nor_the_module_that_writes_records(self):
        code = (
            "import sys; before = set(sys.modules); import rescan_failure_logging as m;"
            "m._former = lambda *_: None; m.handler({}, None); print(sorted(set(sys.modules) - before))"
        )
        environment = {**os.environ, "RESCAN_FORMER_HANDLER": "os.get_exec_path"}
        said = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        self.assertNotIn("rescan_failure_record", said.stdout)
        self.assertNotIn("boto", said.stdout)
        self.assertNotIn("json", said.stdout)

    def test_a_success_costs_less_than_five_milliseconds(self):
        module = self.module(lambda *_: {"statusCode": 200})
        what, context = event("a.png"), Context()
        began = time.perf_counter()
        for _ in range(200):
            module.handler(what, context)
        self.assertLess((time.perf_counter() - began) / 200, 0.005)


class LoggingErrors(Rig):
    def test_a_refused_write_prints_one_line_with_the_error(self):
        boto3.table.put_errors.append(boto3.ClientError("AccessDeniedException", "not\nauthorized: PutItem"))
        self.refused("AccessDeniedException: .*not authorized: PutItem")

    def test_a_wrong_environment_prints_one_line(self):
        self.refused("JSONDecodeError", RESCAN_TABLE_KEY="{")

    def test_an_event_without_records_prints_one_line(self):
        for what in ({}, {"Records": None}, {"Records": [{}]}, "text", None):
            self.run_it(lambda *_: failing(), what if what is not None else {"Records": 3})
            self.assertRegex(self.output, "^RESCAN_FAILURE_LOGGING not written: image=null")

    def test_a_function_that_is_about_to_time_out_is_not_delayed(self):
        self.refused("TimeoutError", context=Context(remaining=900))
        self.assertEqual(boto3.made, [])

    def test_a_table_that_does_not_answer_delays_the_function_only_within_its_time(self):
        boto3.table.hangs = threading.Event()
        began = time.monotonic()
        try:
            self.refused("TimeoutError: AWS did not answer in time", context=Context(remaining=1_200))
            self.assertLess(time.monotonic() - began, 1.2)
        finally:
            boto3.table.hangs.set()

    def test_a_log_line_has_no_line_break_and_is_cut(self):
        boto3.table.put_errors.append(boto3.ClientError("Odd\nCode", "long\u2028 " * 900))
        self.refused("Odd Code: ")
        self.assertLess(len(self.output), 700)

    def test_an_exception_without_a_text_is_recorded_by_its_class(self):
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError("no text")

        def raises(*_):
            raise Mute()

        with self.assertRaises(Mute):
            self.run_it(raises)
        self.assertEqual(self.item()["ErrorMessage"], {"S": "Mute"})

    def test_bodies_of_any_type_are_recorded(self):
        for body in ("no json", "[1]", "null", None, {"error": "dict"}, 7, b"bytes"):
            self.run_it(lambda *_: {"statusCode": 500, "body": body})
            self.assertIn("written: image=", self.output)

    def test_the_client_has_short_timeouts(self):
        self.run_it(lambda *_: failing())
        settings = boto3.made[0][1].settings
        self.assertEqual((settings["connect_timeout"], settings["read_timeout"]), (1, 2))

    def test_a_package_without_the_module_that_writes_records_prints_one_line(self):
        module = self.module(lambda *_: failing())
        sys.modules["rescan_failure_record"] = None
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(module.handler(event("a.png"), Context())["statusCode"], 500)
        self.assertEqual(out.getvalue().count("\n"), 1)
        self.assertIn("RESCAN_FAILURE_LOGGING not written: image=null", out.getvalue())


if __name__ == "__main__":
    unittest.main()
