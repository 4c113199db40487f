"""Stands in for boto3 where there is none: what is put and asked is kept, and answers can be told to fail."""

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

    def put_item(self, **request):
        if self.put_errors:
            raise self.put_errors.pop(0)
        self.items.append(request)

    def query(self, **request):
        self.queries.append(request)
        if self.query_errors:
            raise self.query_errors.pop(0)
        image = request["ExpressionAttributeValues"][":i"]["S"]
        return {"Count": sum(1 for put in self.items if put["Item"]["ImageKey"]["S"] == image)}


table = Table()


def client(service, config=None):
    made.append((service, config))
    return table
