"""Replaces boto3 in tests: it keeps what is written and queried, and its answers can be set to fail."""

made = []


class ClientError(Exception):
    def __init__(self, code, message="said so"):
        super().__init__("An error occurred (%s): %s" % (code, message))
        self.response = {"Error": {"Code": code, "Message": message}}


class Table:
    def __init__(self):
        self.items = []
        self.queries = []
        self.put_errors = []
        self.query_errors = []
        self.hangs = None
        self.sizes = {}

    def put_item(self, **request):
        if self.hangs:
            self.hangs.wait(30)
        if self.put_errors:
            raise self.put_errors.pop(0)
        self.items.append(request)

    def query(self, **request):
        self.queries.append(request)
        if self.query_errors:
            raise self.query_errors.pop(0)
        if request.get("Select") != "COUNT":
            raise ClientError("ValidationException", "no items are to travel")
        image = request["ExpressionAttributeValues"][":i"]["S"]
        return {"Count": sum(1 for put in self.items if put["Item"]["ImageKey"]["S"] == image)}

    def head_object(self, Bucket, Key):
        if Key not in self.sizes:
            raise ClientError("404", "Not Found")
        return {"ContentLength": self.sizes[Key]}


table = Table()


def client(service, config=None):
    made.append((service, config))
    return table
