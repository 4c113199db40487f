"""Writes records of failed images to the table of the pipeline (loaded by rescan_failure_logging at the first failure).

One record for each image of the event, with the real key of the table. An error here is one line in the log.

Environment: RESCAN_TABLE, RESCAN_TABLE_KEY (``{"partition": {"name": ..., "type": "S"}, "sort": {...}}``),
RESCAN_KEY_ENCODING (``raw`` or ``url``), RESCAN_MODEL_ID (the model, when neither the reply nor MODEL_ID names it),
RESCAN_VERSION_FILE (the file with the line VERSION=...; OCR_VERSION.txt when absent), RESCAN_FAILURE_NAMES
(``{"mark": ..., "names": {"ImageKey": ...}}``: the mark and the attributes that the pipeline names differently).
"""

import hashlib
import json
import os
import threading
import traceback
import urllib.parse
from datetime import datetime, timedelta, timezone

MODULE_VERSION = "2"

_MAX_KEY_BYTES = 900
_LIMITS = {"ErrorMessage": 5000, "RawOCROutput": 10000, "ValidationErrors": 2000, "StackTrace": 5000}
_TRACE_START = 1000
_MIN_LEFT_S = 1.0
_RESERVE_S = 0.5
_MAX_WAIT_S = 6.0
_COLLISIONS = 5
_MAX_ATTEMPTS = 1000
# A numeric sort key is the hash of the image followed by this many values for the time.
_TIME_SPACE = 10**17

_clients = {}


def log_failure(images, context, facts):
    """Never raises. Prints one line for each image: written, or why not. Delays the function for a few seconds at most and
    never until its timeout: what is not written by then is not recorded."""
    pending = []
    try:
        if not images:
            raise LookupError("the event names no image")
        pending = [_decoded(image) for image in images]
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        left = remaining() / 1000 if callable(remaining) else _MAX_WAIT_S + _RESERVE_S
        if left < _MIN_LEFT_S:
            raise TimeoutError("less than a second of the function's time was left")
        worker = threading.Thread(target=_write_all, args=(pending, context, facts), daemon=True)
        worker.start()
        worker.join(min(_MAX_WAIT_S, left - _RESERVE_S))
        problem = TimeoutError("AWS did not answer in time")
    except Exception as error:
        problem = error
        pending = pending or [{"key": None}]
    unwritten, pending[:] = list(pending), []
    for image in unwritten:
        _print_not_written(image["key"], problem)


def _write_all(pending, context, facts):
    while pending:
        image, problem, key = pending[0], None, None
        try:
            key = _write(image, context, facts)
        except Exception as error:
            problem = error
        # log_failure gave up waiting: the function continues, and the lines are printed.
        if not pending:
            return
        pending.pop(0)
        if problem is None:
            _print("written: image=%s key=%s" % (_quoted(image["key"]), _quoted(key)))
        else:
            _print_not_written(image["key"], problem)


def _print_not_written(image_key, error):
    code = type(error).__name__
    try:
        code = str(error.response["Error"]["Code"] or code)
    except Exception:
        pass  # Not an answer of AWS: the class of the error is the code.
    message = " ".join(("%s: %s" % (code, _message_of(error) or "no message")).split())
    _print("not written: image=%s error=%s" % (_quoted(image_key), message[:500]))


def _quoted(value):
    try:
        return json.dumps(value, default=repr)[:2000]
    except Exception:
        return "?"


def _print(line):
    """Never raises: the function must not fail because a line cannot be printed."""
    line = "RESCAN_FAILURE_LOGGING " + line
    for text in (_well_formed(line), ascii(line)):
        try:
            print(text)
            return
        except Exception:
            continue


def _decoded(image):
    is_encoded = os.environ.get("RESCAN_KEY_ENCODING") == "url"
    # Events of S3 itself are always encoded, others as configured.
    if is_encoded or image["source"] == "aws:s3":
        return {**image, "key": urllib.parse.unquote_plus(image["key"])}
    return image


def _write(image, context, facts):
    table = os.environ["RESCAN_TABLE"]
    key = json.loads(os.environ["RESCAN_TABLE_KEY"])
    partition, sort = key["partition"], key.get("sort")
    mark, names = _naming()
    item = _item(image, context, facts)
    item["RecordType"] = {"S": mark}
    item["FailureId"] = {"S": os.urandom(8).hex()}
    now = datetime.now(timezone.utc)
    # Without a sort key the attempts cannot be queried: the first free number is the next one.
    before, is_unknown = _attempts(table, partition, sort, image["key"], mark, names) if sort else (0, False)
    if is_unknown:
        item["AttemptNumberUnknown"] = {"BOOL": True}
    for more in range(_COLLISIONS if sort else _MAX_ATTEMPTS):
        at = now + timedelta(milliseconds=more if sort else 0)
        item["FailureTimestamp"] = {"S": _iso(at)}
        item["AttemptNumber"] = {"N": str(before + 1 if sort else more + 1)}
        name = mark if sort else "%s#%s#%d" % (mark, _image_part(image["key"]), more + 1)
        item_key = {partition["name"]: _typed(partition["type"], name)}
        if sort:
            item_key[sort["name"]] = _sort_value(sort["type"], image["key"], at)
        if _put(table, item_key, item, partition["name"], names):
            return item_key
    raise RuntimeError("%d records of this image exist already" % (more + 1))


def _naming():
    """The mark of the records, and their attributes that have another name in the table of this pipeline."""
    given = json.loads(os.environ.get("RESCAN_FAILURE_NAMES") or "{}")
    return given.get("mark", "FAILED_IMAGE"), given.get("names", {})


def _put(table, item_key, item, partition_name, names):
    """Returns whether the record was written. False when the key is taken: no record is ever overwritten."""
    try:
        _client("dynamodb").put_item(
            TableName=table,
            Item={**{names.get(name, name): value for name, value in item.items()}, **item_key},
            # When the answer is lost boto3 repeats the put and finds its own record.
            ConditionExpression="attribute_not_exists(#p) OR #id = :id",
            ExpressionAttributeNames={"#p": partition_name, "#id": names.get("FailureId", "FailureId")},
            ExpressionAttributeValues={":id": item["FailureId"]},
        )
    except Exception as error:
        if getattr(error, "response", {}).get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _attempts(table, partition, sort, image_key, mark, names):
    """The number of records of exactly this image, and whether it is unknown."""
    image = _image_part(image_key)
    condition, values = "begins_with(#s, :s)", {":s": _typed(sort["type"], image + "#")}
    if sort["type"] == "N":
        first = _number_of(image) * _TIME_SPACE
        condition, values = "#s BETWEEN :a AND :z", {":a": {"N": str(first)}, ":z": {"N": str(first + _TIME_SPACE - 1)}}
    count, start = 0, {}
    try:
        while True:
            page = _client("dynamodb").query(
                TableName=table,
                ConsistentRead=True,
                Select="COUNT",
                KeyConditionExpression="#p = :p AND " + condition,
                FilterExpression="#i = :i",
                ExpressionAttributeNames={
                    "#p": partition["name"],
                    "#s": sort["name"],
                    "#i": names.get("ImageKey", "ImageKey"),
                },
                ExpressionAttributeValues={
                    ":p": _typed(partition["type"], mark),
                    ":i": {"S": _well_formed(image_key)},
                    **values,
                },
                **start
            )
            count += page.get("Count", 0)
            if not page.get("LastEvaluatedKey"):
                return count, False
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    except Exception:
        # The record is written even when its attempts cannot be counted.
        return 0, True


def _image_part(image_key):
    """The key of the image, or its hash when it is too long for a sort key (1,024 bytes with the time)."""
    raw = _well_formed(image_key).encode("utf-8")
    if len(raw) <= _MAX_KEY_BYTES:
        return _well_formed(image_key)
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def _sort_value(kind, image_key, at):
    if kind == "N":
        return {"N": str(_number_of(_image_part(image_key)) * _TIME_SPACE + int(at.timestamp() * 10**6))}
    return _typed(kind, "%s#%s" % (_image_part(image_key), _iso(at)))


def _number_of(text):
    return int(hashlib.sha256(text.encode("utf-8")).hexdigest()[:12], 16)


def _typed(kind, text):
    if kind == "N":
        return {"N": str(-_number_of(text))}
    if kind == "B":
        return {"B": text.encode("utf-8")}
    return {"S": text}


def _iso(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (at.microsecond // 1000)


def _item(image, context, facts):
    error = facts.get("error")
    body = _body_of(facts.get("reply"))
    if error is not None:
        text, code, trace = _message_of(error), type(error).__name__, _trace_of(error)
    else:
        text, code = _string(body.get("error") or body.get("message")), _string(body.get("error_type"))
        trace = _string(body.get("stack_trace"))
    version = _version()
    usage = body.get("nova_usage") if isinstance(body.get("nova_usage"), dict) else body
    texts = {
        "ImageKey": image["key"],
        "FailureType": failure_type(text),
        "ErrorMessage": text or code,
        "ErrorCode": code,
        "OCRVersion": version.get("VERSION", ""),
        "OCRBuildDate": version.get("BUILD_DATE", ""),
        "OCRDescription": version.get("DESCRIPTION", ""),
        "OCRFullVersion": _full_version(version),
        "ModelId": body.get("model_id") or os.environ.get("MODEL_ID") or os.environ.get("RESCAN_MODEL_ID"),
        "RawOCROutput": body.get("raw_ocr_output") or body.get("metadata"),
        "ValidationErrors": body.get("validation_errors") or body.get("validation"),
        "S3Bucket": image["bucket"],
        "S3Region": os.environ.get("AWS_REGION", ""),
        "StackTrace": _middle_cut(trace, _LIMITS["StackTrace"]),
        "CloudWatchLogStream": getattr(context, "log_stream_name", ""),
        "FailureLoggingVersion": MODULE_VERSION,
    }
    item = {}
    for name, value in texts.items():
        item[name] = {"S": _well_formed(_string(value))[: _LIMITS.get(name, 5000)]}
    item["ProcessingTimeSeconds"] = {"N": _number(body.get("processing_time_seconds"), facts["took"])}
    item["InputTokens"] = {"N": _number(usage.get("input_tokens", usage.get("inputTokens")), 0)}
    item["OutputTokens"] = {"N": _number(usage.get("output_tokens", usage.get("outputTokens")), 0)}
    size = image["size"] if image["size"] is not None else _size_of(image)
    if size is not None:
        item["ImageSize"] = {"N": _number(size, 0)}
    return item


def _size_of(image):
    """The size of the image in bytes; None when the image is missing or the function lacks the permission."""
    try:
        return _client("s3").head_object(Bucket=image["bucket"], Key=image["key"])["ContentLength"]
    except Exception:
        return None


def failure_type(message):
    """The failure type by the first rule that matches the error text. Upper and lower case are treated alike."""
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


def _trace_of(error):
    """The stack trace without the frame of this module, with which it begins."""
    try:
        begin = error.__traceback__
        return "".join(traceback.format_exception(type(error), error, (begin and begin.tb_next) or begin))
    except Exception:
        return ""


def _middle_cut(text, most):
    """Keeps the beginning and the end of a long text. The end of a trace is the most useful part."""
    if len(text) <= most:
        return text
    return text[:_TRACE_START] + "\n...\n" + text[-(most - _TRACE_START - 5) :]


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


def _number(value, otherwise):
    """A number that DynamoDB accepts: no NaN, no infinity, at most 38 digits."""
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


def _message_of(error):
    try:
        return str(error)
    except Exception:
        return ""


def _well_formed(text):
    """The text without lone surrogates, which UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _version():
    """The lines NAME=value of the version file in the folder of this module."""
    name = os.environ.get("RESCAN_VERSION_FILE") or "OCR_VERSION.txt"
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    try:
        with open(path, encoding="utf-8-sig") as lines:
            pairs = (line.strip().partition("=") for line in lines)
            return {name: value for name, sign, value in pairs if sign}
    except (OSError, UnicodeDecodeError):
        return {}


def _full_version(version):
    """``2.6.1-2025-11-21``, as the pipeline writes it; empty without a VERSION line."""
    number, date = version.get("VERSION"), version.get("BUILD_DATE")
    return "%s-%s" % (number, date) if number and date else number or ""


def _client(service):
    """Created at the first failure, so that a success costs nothing."""
    if service not in _clients:
        import boto3
        from botocore.config import Config

        settings = Config(connect_timeout=1, read_timeout=2, retries={"max_attempts": 1, "mode": "standard"})
        _clients[service] = boto3.client(service, config=settings)
    return _clients[service]
