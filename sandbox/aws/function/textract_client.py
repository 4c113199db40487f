"""Reads the text of a document."""
import boto3

textract = boto3.client("textract")


def read_document(image):
    reply = textract.analyze_document(Document={"Bytes": image}, FeatureTypes=["TABLES"])
    return "\n".join(block["Text"] for block in reply["Blocks"] if block["BlockType"] == "LINE")
