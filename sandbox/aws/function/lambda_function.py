"""Reads a timesheet image from S3 and stores its entries in DynamoDB."""
import json
import os
import time
import traceback

import boto3

from failed_image_logger import get_attempt_count, log_failed_image
from nova_client import extract_entries
from ocr_version import OCR_VERSION
from performance import PerfMetrics
from textract_client import read_document
from timesheet_store import store_entries

DYNAMODB_TABLE = os.environ["DYNAMODB_TABLE"]
s3 = boto3.client("s3")


def log(message, level="INFO"):
    print(f"[{level}] {message}")


def lambda_handler(event, context):
    overall_start = time.time()
    perf_metrics = PerfMetrics()
    record = event["Records"][0]["s3"]
    bucket = record["bucket"]["name"]
    key = record["object"]["key"]
    try:
        image = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        text = read_document(image)
        metadata, nova_usage = extract_entries(image, text)
        if metadata["status"] != "Posted":
            return {
                "statusCode": 200,
                "body": json.dumps({
                    "message": "Timesheet rejected",
                    "rejected": True,
                    "reason": "Timesheet is not Posted",
                    "status": metadata["status"],
                }),
            }
        stored = store_entries(DYNAMODB_TABLE, key, metadata, nova_usage)
        return {
            "statusCode": 200,
            "body": json.dumps({
                "message": "Timesheet processed",
                "source_image": key,
                "entries_stored": stored,
                "resource_name": metadata["resource_name"],
                "date_range": metadata["date_range"],
                "processing_time_seconds": round(time.time() - overall_start, 2),
                "cost_estimate_usd": nova_usage["cost"],
                "validation": metadata["validation"],
            }),
        }
    except Exception as e:
        error_time = time.time() - overall_start
        stack_trace = traceback.format_exc()
        log(f"❌ INVOCATION FAILED AFTER {error_time:.3f}s", "ERROR")
        log(f"Error type: {type(e).__name__}", "ERROR")
        log(f"Error message: {e}", "ERROR")
        try:
            log_failed_image(
                table_name=DYNAMODB_TABLE,
                image_key=key,
                failure_type="OCR_ERROR",
                error_message=str(e),
                ocr_version=OCR_VERSION,
                error_details={"attempt_number": get_attempt_count(DYNAMODB_TABLE, key) + 1},
            )
            log("📝 Logged failure to database")
        except Exception as log_error:
            log(f"⚠️  Could not log failure: {log_error}", "WARN")
        perf_metrics.print_report()
        return {
            "statusCode": 500,
            "body": json.dumps({
                "message": "Error processing timesheet",
                "error": str(e),
                "error_type": type(e).__name__,
                "processing_time_seconds": round(error_time, 2),
                "stack_trace": stack_trace,
            }),
        }
