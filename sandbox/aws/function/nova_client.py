"""Asks the model for the entries on a timesheet."""
import json
import os

import boto3

MODEL_ID = os.environ.get("MODEL_ID", "us.amazon.nova-lite-v1:0")
bedrock = boto3.client("bedrock-runtime")


def extract_entries(image, text):
    reply = bedrock.converse(
        modelId=MODEL_ID,
        messages=[{
            "role": "user",
            "content": [
                {"image": {"format": "png", "source": {"bytes": image}}},
                {"text": f"List the timesheet's entries as JSON. The text on it:\n{text}"},
            ],
        }],
        inferenceConfig={"temperature": 0},
    )
    usage = reply["usage"]
    cost = usage["inputTokens"] * 0.00000006 + usage["outputTokens"] * 0.00000024
    return json.loads(reply["output"]["message"]["content"][0]["text"]), {**usage, "cost": round(cost, 5)}
