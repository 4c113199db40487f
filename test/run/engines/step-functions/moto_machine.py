"""moto's server with its Step Functions interpreter, and a Lambda in front of it that gives the scripted answers.

The answers are the JSON of the second argument: {key of an image: [answer, ...]}; the last one repeats. An answer is
{"payload": ...}, with "functionError" for a crash, or {"name": ..., "status": ..., "message": ...} for an error of the API.
GET /invocations: how often each image was invoked.
"""

import json
import os
import sys
import threading
import uuid

PORT = int(sys.argv[1])
ANSWERS = json.loads(sys.argv[2])
os.environ["MOTO_PORT"] = str(PORT)

from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.wrappers import Request, Response

default_user_config["stepfunctions"] = {"execute_state_machine": True}
moto = DomainDispatcherApplication(create_backend_app)
invocations = {}
lock = threading.Lock()


def invoke(request):
    event = json.loads(request.get_data())
    key = event["Records"][0]["s3"]["object"]["key"]
    with lock:
        count = invocations.get(key, 0)
        invocations[key] = count + 1
    answers = ANSWERS[key]
    answer = answers[min(count, len(answers) - 1)]
    if "name" in answer:
        body = json.dumps({"Message": answer["message"], "Type": "User"})
        headers = {"x-amzn-errortype": answer["name"], "x-amzn-requestid": str(uuid.uuid4())}
        return Response(body, status=answer["status"], headers=headers)
    headers = {"content-type": "application/json"}
    if "functionError" in answer:
        headers["x-amz-function-error"] = answer["functionError"]
    return Response(json.dumps(answer["payload"]), headers=headers)


def application(environ, start_response):
    path = environ.get("PATH_INFO", "")
    if path.startswith("/2015-03-31/functions/"):
        return invoke(Request(environ))(environ, start_response)
    if path == "/invocations":
        return Response(json.dumps(invocations))(environ, start_response)
    return moto(environ, start_response)


run_simple("127.0.0.1", PORT, application, threaded=True)
