"""Creates the stack of deploy/cloudformation.yml in moto, which reads templates by code of its own, and prints what it made as JSON."""

import ast
import json
import sys
import warnings

import boto3
from moto import mock_aws

warnings.simplefilter("ignore")
REGION = "us-east-1"


def client(service):
    return boto3.client(service, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")


def create(template, parameters):
    s3, ec2, formation = client("s3"), client("ec2"), client("cloudformation")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="template.yml", Body=template)
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]][:2]
    given = {
        "VpcId": ec2.describe_vpcs()["Vpcs"][0]["VpcId"],
        "SubnetIds": ",".join(subnets),
        **parameters,
    }
    formation.create_stack(
        StackName="bot",
        TemplateURL="https://s3.amazonaws.com/templates/template.yml",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    stack = formation.describe_stacks(StackName="bot")["Stacks"][0]
    return stack["StackStatus"], {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def made(outputs):
    dynamodb, states, ecs, iam = client("dynamodb"), client("stepfunctions"), client("ecs"), client("iam")
    table = dynamodb.describe_table(TableName=outputs["ControlTableName"])["Table"]
    machines = states.list_state_machines()["stateMachines"]
    tasks = ecs.list_task_definitions()["taskDefinitionArns"]
    container = ecs.describe_task_definition(taskDefinition=tasks[0])["taskDefinition"]["containerDefinitions"][0]
    role = outputs["BotRoleArn"].split("/")[-1]
    policy = iam.get_role_policy(RoleName=role, PolicyName="rescan-bot")["PolicyDocument"]
    # moto sends the policy of a stack as the text of a Python object.
    policy = ast.literal_eval(policy) if isinstance(policy, str) else policy
    return {
        "keys": [[part["AttributeName"], part["KeyType"]] for part in table["KeySchema"]],
        "definitions": [
            states.describe_state_machine(stateMachineArn=machine["stateMachineArn"])["definition"]
            for machine in machines
        ],
        "environment": {pair["name"]: pair["value"] for pair in container["environment"]},
        "statements": policy["Statement"],
    }


with mock_aws():
    status, outputs = create(open(sys.argv[1], encoding="utf8").read(), json.loads(sys.argv[2]))
    print(json.dumps({"status": status, **made(outputs)}))
