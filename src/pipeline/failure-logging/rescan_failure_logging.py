"""Calls the former handler of the OCR function and records its failures.

rescan-bot deploys this module as the handler of the function. It returns or raises exactly what the former handler does.
rescan_failure_record writes the records; it is loaded at the first failure only. It answers an event with ``rescanBotCheck``
itself: with that event the bot finds out after a deploy whether the package can be loaded, and no image is processed.

Environment: RESCAN_FORMER_HANDLER (``lambda_function.lambda_handler``), and the variables of rescan_failure_record.
"""

import importlib
import os
import time

_CHECK = "rescanBotCheck"


def _load_former():
    """Imports the former handler during initialisation, as Lambda does, so that a failing import shows as before."""
    module_name, _, name = os.environ["RESCAN_FORMER_HANDLER"].rpartition(".")
    module = importlib.import_module(module_name.replace("/", "."))
    if not hasattr(module, name):
        # Lambda reports an ImportError as Runtime.ImportModuleError, and every other error as a crash.
        raise ImportError("Handler '%s' missing on module '%s'" % (name, module_name))
    return getattr(module, name)


_former = _load_former()


def handler(event, context):
    """Returns the result of the former handler, and records a failure."""
    if isinstance(event, dict) and _CHECK in event:
        return {_CHECK: event[_CHECK], "formerHandler": os.environ["RESCAN_FORMER_HANDLER"]}
    started = time.monotonic()
    images = _images_in(event)
    try:
        reply = _former(event, context)
    except BaseException as error:
        _log_failure(images, context, {"error": error, "took": time.monotonic() - started})
        raise
    if _status(reply) >= 400:
        _log_failure(images, context, {"reply": reply, "took": time.monotonic() - started})
    return reply


def _images_in(event):
    """The images of the event, read before the former handler can change it. None when it names no image."""
    try:
        return [
            {
                "key": record["s3"]["object"]["key"],
                "bucket": record["s3"]["bucket"]["name"],
                "size": record["s3"]["object"].get("size"),
                "source": record.get("eventSource"),
            }
            for record in event["Records"]
        ]
    except Exception:
        return None


def _status(reply):
    if not isinstance(reply, dict):
        return 0
    try:
        return int(reply.get("statusCode", 0))
    except Exception:
        return 0


def _log_failure(images, context, facts):
    """Never raises."""
    try:
        from rescan_failure_record import log_failure

        log_failure(images, context, facts)
    except Exception as problem:
        try:
            print("RESCAN_FAILURE_LOGGING not written: image=null error=%s" % type(problem).__name__)
        except Exception:
            pass  # Nothing can be printed, and the function must not fail because of that.
