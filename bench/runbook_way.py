"""The runbook's steps 1 and 6 and its "Restore from Backup" with boto3. Prints the records it handled, the seconds
and the CPU time it took.

Usage: runbook_way.py backup|flush|restore ENDPOINT TABLE FILE MOST
"""
import json
import sys
import time

import boto3

step, endpoint, table_name, file, most = sys.argv[1:6]
table = boto3.resource(
    "dynamodb",
    region_name="us-east-1",
    endpoint_url=endpoint,
    aws_access_key_id="bench",
    aws_secret_access_key="bench",
).Table(table_name)


def scan(**options):
    response = table.scan(**options)
    yield from response["Items"]
    while "LastEvaluatedKey" in response:
        response = table.scan(ExclusiveStartKey=response["LastEvaluatedKey"], **options)
        yield from response["Items"]


def backup():
    items = list(scan())
    with open(file, "w") as f:
        json.dump(items, f, indent=2, default=str)
    return len(items)


def flush():
    count = 0
    with table.batch_writer() as batch:
        for key in scan(ProjectionExpression="ResourceName, DateProjectCode"):
            if count == int(most):
                break
            batch.delete_item(Key=key)
            count += 1
    return count


def restore():
    with open(file, "r") as f:
        items = json.load(f)[: int(most)]
    with table.batch_writer() as batch:
        for item in items:
            batch.put_item(Item=item)
    return len(items)


start = time.monotonic()
count = {"backup": backup, "flush": flush, "restore": restore}[step]()
cpu_us = time.process_time() * 1_000_000
print(json.dumps({"items": count, "seconds": time.monotonic() - start, "cpuUs": cpu_us}))
