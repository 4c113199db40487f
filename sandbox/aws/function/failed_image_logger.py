"""Writes a record of an image that failed."""
from datetime import datetime, timezone

import boto3

dynamodb = boto3.resource("dynamodb")


def get_attempt_count(table_name, image_key):
    try:
        found = dynamodb.Table(table_name).query(
            KeyConditionExpression="ImageKey = :key",
            ExpressionAttributeValues={":key": image_key},
        )
        return found["Count"]
    except Exception:
        return 0


def log_failed_image(table_name, image_key, failure_type, error_message, ocr_version, error_details):
    item = {
        "ImageKey": image_key,
        "FailureTimestamp": datetime.now(timezone.utc).isoformat(),
        "RecordType": "FAILED_IMAGE",
        "FailureType": failure_type,
        "ErrorMessage": error_message[:5000],
        "OCRVersion": ocr_version,
        "AttemptNumber": error_details.get("attempt_number", 1),
    }
    try:
        dynamodb.Table(table_name).put_item(Item=item)
    except Exception as error:
        print(f"[WARN] ⚠️  Could not save failed image record: {error}")
