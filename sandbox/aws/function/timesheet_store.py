"""Stores the entries of a timesheet."""
from datetime import datetime, timezone
from decimal import Decimal

import boto3

dynamodb = boto3.resource("dynamodb")


def store_entries(table_name, image_key, metadata, usage):
    stamp = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
    resource = metadata["resource_name"].replace(" ", "_")
    with dynamodb.Table(table_name).batch_writer() as batch:
        for entry in metadata["entries"]:
            batch.put_item(Item={
                "ResourceName": resource,
                "DateProjectCode": f"{entry['date']}#{entry['code']}",
                "Hours": Decimal(str(entry["hours"])),
                "SourceImage": image_key,
                "ProcessingTimestamp": stamp,
                "InputTokens": usage["inputTokens"],
                "OutputTokens": usage["outputTokens"],
            })
    return len(metadata["entries"])
