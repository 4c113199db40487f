"""Puts a record of every failed image into the pipeline's table.

Deployed around an OCR function by rescan-bot: it becomes the handler, calls the former one and gives back exactly what
that one returned or raised. On an exception, or a reply of 400 and above, it writes one FAILED_IMAGE record under the
table's real key. Its own troubles are one line in the log, never the function's.

Environment: RESCAN_FORMER_HANDLER (``lambda_function.lambda_handler``), RESCAN_TABLE, RESCAN_TABLE_KEY
(``{"partition": {"name": ..., "type": "S"}, "sort": {...}}``), RESCAN_KEY_ENCODING (``raw`` or ``url``).
"""

import hashlib
import importlib
import json
import os
import random
import time
import traceback
import urllib.parse
from datetime import datetime, timedelta, timezone

MODULE_VERSION = "1"

_MARK = "FAILED_IMAGE"
_LONGEST_KEY_BYTES = 900
_MOST_ITEM_BYTES = 380_000
_LIMITS = {"ErrorMessage": 5000, "RawOCROutput": 10000, "ValidationErrors": 2000, "StackTrace": 5000}
_LEAST_REMAINING_MS = 1000
_COLLISIONS = 5
_MOST_ATTEMPTS = 1000

_client = None


def _load_former():
    """The former handler, imported as Lambda does it: while the function is initialised, so that its failing shows as ever."""
    module_name, _, name = os.environ["RESCAN_FORMER_HANDLER"].rpartition(".")
    return getattr(importlib.import_module(module_name.replace("/", ".")), name)


_former = _load_former()


def handler(event, context):
    """What the former handler gives for the event; a failure leaves its record on the way."""
    began = time.monotonic()
    try:
        reply = _former(event, context)
    except BaseException as error:
        # The traceback begins in this frame; it is the former handler's that tells something.
        facts = {"error": error, "took": time.monotonic() - began}
        _log_failure(event, context, facts)
        raise
    if _status(reply) >= 400:
        _log_failure(event, context, {"reply": reply, "took": time.monotonic() - began})
    return reply


def _status(reply):
    if not isinstance(reply, dict):
        return 0
    try:
        return int(reply.get("statusCode", 0))
    except (TypeError, ValueError, OverflowError):
        return 0


def _log_failure(event, context, facts):
    """Never raises. One line for each image: written, or why not."""
    try:
        images = _images_of(event)
    except Exception as error:
        _say_not_written(None, error)
        return
    for image in images:
        try:
            key = _write(image, context, facts)
            print("RESCAN_FAILURE_LOGGING written: image=%s key=%s" % (json.dumps(image["key"]), json.dumps(key)))
        except Exception as error:
            _say_not_written(image["key"], error)


def _say_not_written(image_key, error):
    try:
        code = getattr(error, "response", {}).get("Error", {}).get("Code") or type(error).__name__
    except Exception:
        code = type(error).__name__
    message = " ".join(_text_of(error).split())[:500]
    print("RESCAN_FAILURE_LOGGING not written: image=%s error=%s: %s" % (json.dumps(image_key), code, message))


def _images_of(event):
    images = []
    for record in event["Records"]:
        thing = record["s3"]
        key = thing["object"]["key"]
        if os.environ.get("RESCAN_KEY_ENCODING") == "url":
            key = urllib.parse.unquote_plus(key)
        images.append({"key": key, "bucket": thing["bucket"]["name"], "size": thing["object"].get("size")})
    return images


def _write(image, context, facts):
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if callable(remaining) and remaining() < _LEAST_REMAINING_MS:
        raise TimeoutError("less than a second of the function's time was left")
    table = os.environ["RESCAN_TABLE"]
    key = json.loads(os.environ["RESCAN_TABLE_KEY"])
    client = _dynamodb()
    item = _item(image, context, facts)
    if not key.get("sort"):
        return _put_by_attempt(client, table, key["partition"], image, item)
    at = datetime.now(timezone.utc)
    number, unknown = _attempts(client, table, key, image["key"])
    item["AttemptNumber"] = {"N": str(number + 1)}
    if unknown:
        item["AttemptNumberUnknown"] = {"BOOL": True}
    for _ in range(_COLLISIONS):
        stamp = _iso(at)
        item["FailureTimestamp"] = {"S": stamp}
        place = {
            key["partition"]["name"]: _partition_value(key["partition"]["type"]),
            key["sort"]["name"]: _sort_value(key["sort"]["type"], image["key"], at, stamp),
        }
        if _put(client, table, place, item, key["partition"]["name"]):
            return _shown(place)
        at += timedelta(milliseconds=1)
    raise RuntimeError("records of the same millisecond were in the way %d times" % _COLLISIONS)


def _put_by_attempt(client, table, partition, image, item):
    """A table without a sort key cannot be asked for the attempts so far: the first number that is free is the next one."""
    item["FailureTimestamp"] = {"S": _iso(datetime.now(timezone.utc))}
    for attempt in range(1, _MOST_ATTEMPTS + 1):
        item["AttemptNumber"] = {"N": str(attempt)}
        text = "%s#%s#%d" % (_MARK, _image_part(image["key"]), attempt)
        place = {partition["name"]: _typed(partition["type"], text)}
        if _put(client, table, place, item, partition["name"]):
            return _shown(place)
    raise RuntimeError("%d records of this image are there already" % _MOST_ATTEMPTS)


def _put(client, table, place, item, partition_name):
    """Whether the record was put; False where one stands at that key already: none is ever overwritten."""
    try:
        client.put_item(
            TableName=table,
            Item={**_within_limits(item), **place},
            ConditionExpression="attribute_not_exists(#p)",
            ExpressionAttributeNames={"#p": partition_name},
        )
    except Exception as error:
        if getattr(error, "response", {}).get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _attempts(client, table, key, image_key):
    """How many records of this very image there are; and whether that is not known."""
    sort = key["sort"]
    names = {"#p": key["partition"]["name"], "#i": "ImageKey"}
    values = {":p": _partition_value(key["partition"]["type"]), ":i": {"S": _sound(image_key)}}
    condition = "#p = :p"
    if sort["type"] != "N":
        condition += " AND begins_with(#s, :s)"
        names["#s"] = sort["name"]
        values[":s"] = _typed(sort["type"], _image_part(image_key) + "#")
    try:
        count = 0
        start = {}
        while True:
            page = client.query(
                TableName=table,
                ConsistentRead=True,
                Select="COUNT",
                KeyConditionExpression=condition,
                FilterExpression="#i = :i",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                **start
            )
            count += page.get("Count", 0)
            if not page.get("LastEvaluatedKey"):
                return count, False
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    except Exception:
        # A count that cannot be had is no reason to lose the record.
        return 0, True


def _image_part(image_key):
    """The key of the image, or its hash where a sort key could not hold it (at most 1,024 bytes, with the time)."""
    raw = _sound(image_key).encode("utf-8")
    if len(raw) <= _LONGEST_KEY_BYTES:
        return _sound(image_key)
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def _partition_value(kind):
    return _typed(kind, _MARK)


def _sort_value(kind, image_key, at, stamp):
    if kind == "N":
        micros = int(at.timestamp() * 1000) * 1000 + random.randrange(1000)
        return {"N": str(micros)}
    return _typed(kind, "%s#%s" % (_image_part(image_key), stamp))


def _typed(kind, text):
    if kind == "N":
        return {"N": str(-int(hashlib.sha256(text.encode("utf-8")).hexdigest()[:12], 16))}
    if kind == "B":
        return {"B": text.encode("utf-8")}
    return {"S": text}


def _shown(place):
    return {
        name: (value["B"].decode("utf-8") if "B" in value else next(iter(value.values())))
        for name, value in place.items()
    }


def _iso(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (at.microsecond // 1000)


def _item(image, context, facts):
    error = facts.get("error")
    body = _body_of(facts.get("reply"))
    message = _text_of(error) if error is not None else _string(body.get("error") or body.get("message"))
    if error is not None:
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        code = type(error).__name__
    else:
        trace = _string(body.get("stack_trace"))
        code = _string(body.get("error_type"))
    seconds = body.get("processing_time_seconds")
    version = _version()
    usage = body.get("nova_usage") if isinstance(body.get("nova_usage"), dict) else body
    texts = {
        "ImageKey": image["key"],
        "RecordType": _MARK,
        "FailureType": failure_type(message),
        "ErrorMessage": message,
        "ErrorCode": code,
        "OCRVersion": version.get("VERSION", ""),
        "OCRBuildDate": version.get("BUILD_DATE", ""),
        "OCRDescription": version.get("DESCRIPTION", ""),
        "OCRFullVersion": _full_version(version),
        "ModelId": os.environ.get("MODEL_ID", ""),
        "RawOCROutput": _string(body.get("raw_ocr_output") or body.get("metadata")),
        "ValidationErrors": _string(body.get("validation_errors") or body.get("validation")),
        "S3Bucket": image["bucket"],
        "S3Region": os.environ.get("AWS_REGION", ""),
        "StackTrace": trace,
        "CloudWatchLogStream": _string(getattr(context, "log_stream_name", "")),
        "FailureLoggingVersion": MODULE_VERSION,
    }
    item = {}
    for name, text in texts.items():
        item[name] = {"S": _sound(_string(text))[: _LIMITS.get(name, 5000)]}
    item["ProcessingTimeSeconds"] = {"N": _number(seconds, facts["took"])}
    item["InputTokens"] = {"N": _number(_first(usage, "input_tokens", "inputTokens"), 0)}
    item["OutputTokens"] = {"N": _number(_first(usage, "output_tokens", "outputTokens"), 0)}
    if image.get("size") is not None:
        item["ImageSize"] = {"N": _number(image["size"], 0)}
    return item


def failure_type(message):
    """By the first rule that matches the error text, case aside."""
    text = message.lower()
    if "parsing" in text or "json" in text:
        return "PARSING_ERROR"
    if "validation" in text:
        return "VALIDATION_ERROR"
    if "throttl" in text:
        return "THROTTLING_ERROR"
    if "textract" in text:
        return "TEXTRACT_ERROR"
    return "OCR_ERROR"


def _body_of(reply):
    body = reply.get("body") if isinstance(reply, dict) else None
    if isinstance(body, (str, bytes)):
        try:
            body = json.loads(body)
        except ValueError:
            return {"error": body}
    if isinstance(body, dict):
        return body
    return {} if body is None else {"error": body}


def _first(usage, *names):
    for name in names:
        if usage.get(name) is not None:
            return usage[name]
    return None


def _number(value, otherwise):
    """A number as DynamoDB takes it: no NaN, no infinity, at most 38 digits."""
    for candidate in (value, otherwise):
        try:
            number = float(candidate)
        except (TypeError, ValueError, OverflowError):
            continue
        if number == number and abs(number) < 1e38:
            return repr(round(number, 3)) if number != int(number) else str(int(number))
    return "0"


def _string(value):
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    try:
        return json.dumps(value, default=str)
    except Exception:
        return str(value)


def _text_of(error):
    try:
        return str(error) or type(error).__name__
    except Exception:
        return type(error).__name__


def _sound(text):
    """Without lone surrogates, which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _within_limits(item):
    """Texts of four bytes a character can make an item too large: then the longest are cut shorter."""
    size = sum(len(name) + len(next(iter(value.values())).encode("utf-8")) for name, value in item.items() if "S" in value)
    if size <= _MOST_ITEM_BYTES:
        return item
    smaller = dict(item)
    for name in ("RawOCROutput", "StackTrace", "ErrorMessage", "ValidationErrors"):
        smaller[name] = {"S": item[name]["S"][:500]}
    return smaller


def _version():
    """The lines of OCR_VERSION.txt beside this module: NAME=value."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "OCR_VERSION.txt")
    try:
        with open(path, encoding="utf-8") as lines:
            pairs = (line.strip().partition("=") for line in lines)
            return {name: value for name, sign, value in pairs if sign}
    except (OSError, UnicodeDecodeError):
        return {}


def _full_version(version):
    if "VERSION" not in version:
        return ""
    return "%s (%s)" % (version["VERSION"], version["BUILD_DATE"]) if "BUILD_DATE" in version else version["VERSION"]


def _dynamodb():
    """Made at the first failure: a success pays nothing for it."""
    global _client
    if _client is None:
        import boto3
        from botocore.config import Config

        settings = Config(connect_timeout=2, read_timeout=3, retries={"max_attempts": 1, "mode": "standard"})
        _client = boto3.client("dynamodb", config=settings)
    return _client
