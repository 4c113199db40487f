#!/usr/bin/env python3
"""Writes a backup of rescan-bot into a table, without the bot. It needs Python 3.9 or newer and boto3.

    python3 restore_by_hand.py s3://BUCKET/PREFIX/AWSDynamoDB/BACKUP_ID TABLE [--overwrite] [--dry-run]

It reads the data files and the supplements of the backup, compares each file with its MD5 and its number of items, and only
then writes. A record whose key the table has already is left as it is and counted, unless --overwrite is given. Nothing is
deleted: what is in the table and not in the backup stays. Run it again after an error; it writes the same records again.
"""

import argparse
import base64
import gzip
import hashlib
import json
import sys
from urllib.parse import urlparse

import boto3
from botocore.exceptions import ClientError


def value_of(value):
    """A DynamoDB value as boto3 wants it: binary values as bytes, all others as they are in the file."""
    ((kind, content),) = value.items()
    if kind == "B":
        return {kind: base64.b64decode(content)}
    if kind == "BS":
        return {kind: [base64.b64decode(part) for part in content]}
    if kind == "M":
        return {kind: {name: value_of(inner) for name, inner in content.items()}}
    if kind == "L":
        return {kind: [value_of(inner) for inner in content]}
    return value


def read_items(s3, bucket, key, items, md5):
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    if base64.b64encode(hashlib.md5(body).digest()).decode() != md5:
        sys.exit(f"{key} is damaged: its MD5 is not the one on record. Nothing was written.")
    lines = gzip.decompress(body).decode("utf-8").split("\n")
    found = [json.loads(line)["Item"] for line in lines if line]
    if len(found) != items:
        sys.exit(f"{key} has {len(found)} records and should have {items}. Nothing was written.")
    return found


def list_keys(s3, bucket, prefix):
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            yield entry["Key"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backup", help="s3://BUCKET/PREFIX/AWSDynamoDB/BACKUP_ID")
    parser.add_argument("table")
    parser.add_argument("--overwrite", action="store_true", help="replace records that the table has already")
    parser.add_argument("--dry-run", action="store_true", help="check the backup and write nothing")
    options = parser.parse_args()
    place = urlparse(options.backup)
    bucket, folder = place.netloc, place.path.strip("/") + "/"
    s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")

    record = json.loads(s3.get_object(Bucket=bucket, Key=folder + "rescan-backup.json")["Body"].read())
    names = [key["AttributeName"] for key in dynamodb.describe_table(TableName=options.table)["Table"]["KeySchema"]]
    key_of = lambda item: json.dumps([item[name] for name in names], sort_keys=True)  # noqa: E731

    # Checked before anything is written. The records are read again for writing, file by file.
    files = [(entry["key"], entry["items"], entry["md5"]) for entry in record["files"]]
    total = sum(len(read_items(s3, bucket, *entry)) for entry in files)
    later = {}
    for digest_key in sorted(list_keys(s3, bucket, folder + "supplement/")):
        if digest_key.endswith(".digest.json"):
            digest = json.loads(s3.get_object(Bucket=bucket, Key=digest_key)["Body"].read())
            key = digest_key[: -len(".digest.json")]
            for item in read_items(s3, bucket, key, digest["items"], digest["md5"]):
                later[key_of(item)] = item
    print(f"The backup has {total} records in {len(files)} files, and {len(later)} that were saved later.")
    if options.dry_run:
        return

    written = kept = 0
    condition = {} if options.overwrite else {
        "ConditionExpression": "attribute_not_exists(#hash)",
        "ExpressionAttributeNames": {"#hash": names[0]},
    }

    def write(item):
        nonlocal written, kept
        try:
            values = {name: value_of(value) for name, value in item.items()}
            dynamodb.put_item(TableName=options.table, Item=values, **condition)
            written += 1
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                sys.exit(f"Stopped. Records written: {written}. {error}. Run the same command again.")
            kept += 1

    for entry in files:
        for item in read_items(s3, bucket, *entry):
            if key_of(item) not in later:
                write(item)
    for item in later.values():
        write(item)
    print(f"Records written: {written}. Left as they are, because the table had their key: {kept}.")


if __name__ == "__main__":
    main()
