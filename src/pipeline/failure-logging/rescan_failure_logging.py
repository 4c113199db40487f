"""Calls the OCR function's former handler, and sees to it that a failure leaves its record.

Deployed around the function by rescan-bot: it becomes the handler and gives back exactly what the former one returned or
raised. What writes the record is rescan_failure_record beside it, which a success never loads.

Environment: RESCAN_FORMER_HANDLER (``lambda_function.lambda_handler``), and what rescan_failure_record says.
"""

import importlib
import os
import time


def _load_former():
    """The former handler, imported as Lambda does it: while the function is initialised, so that its failing shows as ever."""
    module_name, _, name = os.environ["RESCAN_FORMER_HANDLER"].rpartition(".")
    return getattr(importlib.import_module(module_name.replace("/", ".")), name)


_former = _load_former()


def handler(event, context):
    """What the former handler gives for the event; a failure leaves its record on the way."""
    began = time.monotonic()
    images = _images_in(event)
    try:
        reply = _former(event, context)
    except BaseException as error:
        _log_failure(images, context, {"error": error, "took": time.monotonic() - began})
        raise
    if _status(reply) >= 400:
        _log_failure(images, context, {"reply": reply, "took": time.monotonic() - began})
    return reply


def _images_in(event):
    """The images as the event names them, before the former handler may change it; None where it names none."""
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
    except Exception as trouble:
        try:
            print("RESCAN_FAILURE_LOGGING not written: image=null error=%s" % type(trouble).__name__)
        except Exception:
            pass  # Where nothing can be printed nobody can be told, and the function is not to suffer from it.
