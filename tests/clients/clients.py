"""Ordinary clients against `pushboat local`: AWS CLI, boto3, curl, skopeo, and docker where an engine runs.

    python tests/clients/clients.py target/debug/pushboat

needs boto3 and awscli (pip), curl and skopeo (the system's packages). It starts a place of its own on free ports and ends it
again. Each check prints one line; the last line counts them.
"""
import base64
import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request

import boto3
import botocore
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Place:
    """A running `pushboat local` and clients that know its addresses."""

    def __init__(self, program, folder):
        environment = dict(os.environ, XDG_RUNTIME_DIR=str(folder), TMPDIR=str(folder))
        ports = ["--game-port", "0", "--aws-port", "0", "--registry-port", "0", "--api-port", "0"]
        self.log = open(folder / "local.log", "wb")
        self.folder = folder
        self.program = program
        self.process = subprocess.Popen(
            [program, "local", "--tasks", "2", "--sweep-seconds", "3600", "--provisioning-seconds", "0.2", *ports],
            env=environment, stdout=self.log, stderr=subprocess.STDOUT,
        )
        self.book = folder / "pushboat" / "local.json"
        wait("the place is up", lambda: self.book.exists() and b"Ctrl-C" in (folder / "local.log").read_bytes(), 180)
        self.at = json.loads(self.book.read_text())
        self.registry = self.at["registry"].removeprefix("http://")
        self.environment = dict(
            os.environ, AWS_ENDPOINT_URL=self.at["aws"], AWS_REGION=self.at["region"],
            AWS_DEFAULT_REGION=self.at["region"], AWS_ACCESS_KEY_ID=self.at["access_key_id"],
            AWS_SECRET_ACCESS_KEY=self.at["secret_access_key"], AWS_PAGER="",
        )

    def push(self, *words):
        """`pushboat push`, as typed in another terminal."""
        done = subprocess.run([self.program, "push", *words, "--place", str(self.book)], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def client(self, service, **changes):
        settings = dict(
            endpoint_url=self.at["aws"], region_name=self.at["region"],
            aws_access_key_id=self.at["access_key_id"], aws_secret_access_key=self.at["secret_access_key"],
            config=Config(retries={"max_attempts": 1}),
        )
        return boto3.client(service, **(settings | changes))

    def aws(self, *words):
        done = subprocess.run(["aws", *words, "--output", "json"], env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"aws {' '.join(words)}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def pushes(self):
        """The detail of every ECR event so far."""
        seen = json.load(urllib.request.urlopen(self.at["control"] + "events"))
        return [it["event"]["detail"] for it in seen if it["event"]["detail-type"] == "ECR Image Action"]

    def requests(self):
        """The access log of the HTTP API."""
        return json.load(urllib.request.urlopen(self.at["control"] + "requests"))

    def sign(self, path, how=SigV4Auth, secret=None, region=None, **options):
        """A request for the HTTP API, as botocore signs it."""
        credentials = Credentials(self.at["access_key_id"], secret or self.at["secret_access_key"])
        request = AWSRequest(method="GET", url=self.at["api"] + path)
        how(credentials, "execute-api", region or self.at["region"], **options).add_auth(request)
        return request.prepare()

    def service(self):
        return self.client("ecs").describe_services(cluster="pushboat", services=["game-2048"])["services"][0]

    def revisions(self):
        return self.client("ecs").list_task_definitions(familyPrefix="game-2048")["taskDefinitionArns"]

    def image(self):
        definition = self.service()["taskDefinition"]
        described = self.client("ecs").describe_task_definition(taskDefinition=definition)
        return described["taskDefinition"]["containerDefinitions"][0]["image"]

    def settled_on(self, digest):
        def reached():
            service = self.service()
            primary = service["deployments"][0]
            return self.image().endswith(digest) and primary["rolloutState"] == "COMPLETED" \
                and len(service["deployments"]) == 1 and service["runningCount"] == service["desiredCount"]
        wait(f"settled on {digest[:19]}", reached, 60)

    def stop(self):
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 0, "Ctrl-C ends in success"
        left = [pid for pid in children.stdout.split() if os.path.exists(f"/proc/{pid}")]
        assert not left, f"processes left behind: {left}"
        files = sorted(path.name for path in self.folder.iterdir() if path.name != "local.log")
        assert files in ([], ["layouts"]), f"files left behind: {files}"


def wait(what, reached, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if reached():
            return
        time.sleep(0.2)
    raise AssertionError(f"not reached in {seconds} s: {what}")


def refused(call, code):
    try:
        call()
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response
    raise AssertionError(f"not refused with {code}")


class Layout:
    """An OCI layout on disk, written blob by blob."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def blob(self, data, media_type, **more):
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / "blobs" / "sha256" / digest).write_bytes(data)
        return dict(mediaType=media_type, digest=f"sha256:{digest}", size=len(data), **more)

    def image(self, architecture, files, config, **more):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(data), 0o755
                archive.addfile(entry, io.BytesIO(data))
        layer = self.blob(gzip.compress(packed.getvalue(), mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip")
        diff = hashlib.sha256(packed.getvalue()).hexdigest()
        config = self.blob(
            {"architecture": architecture, "os": "linux", "config": config,
             "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff}"]}},
            "application/vnd.oci.image.config.v1+json",
        )
        return self.blob(
            {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
             "layers": [layer]},
            "application/vnd.oci.image.manifest.v1+json",
            platform={"architecture": architecture, "os": "linux"}, **more,
        )

    def attestation(self, image):
        statement = self.blob({"_type": "https://in-toto.io/Statement/v0.1"}, "application/vnd.in-toto+json")
        config = self.blob({"architecture": "unknown", "os": "unknown", "config": {}},
                           "application/vnd.oci.image.config.v1+json")
        return self.blob(
            {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
             "layers": [statement], "of": image["digest"]},
            "application/vnd.oci.image.manifest.v1+json",
            platform={"architecture": "unknown", "os": "unknown"},
            annotations={"vnd.docker.reference.type": "attestation-manifest",
                         "vnd.docker.reference.digest": image["digest"]},
        )

    def index(self, manifests):
        index = self.blob(
            {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests},
            "application/vnd.oci.image.index.v1+json",
        )
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [index]}))
        return index["digest"]


def game_files(place):
    """The game's binary, out of the image that runs: pulled as any client pulls."""
    token = base64.b64encode(f"AWS:{place.at['registry_password']}".encode()).decode()

    def get(path, accept="*/*"):
        request = urllib.request.Request(f"{place.at['registry']}/v2/{path}")
        request.add_header("Authorization", f"Basic {token}")
        request.add_header("Accept", accept)
        return urllib.request.urlopen(request).read()

    manifest = json.loads(get("game-2048/manifests/placeholder", "application/vnd.oci.image.manifest.v1+json"))
    layer = get(f"game-2048/blobs/{manifest['layers'][0]['digest']}")
    archive = tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer)))
    files = {entry.name: archive.extractfile(entry).read() for entry in archive if entry.isfile()}
    config = json.loads(get(f"game-2048/blobs/{manifest['config']['digest']}"))
    return files, config


def two_platforms(place, name, label):
    files, config = game_files(place)
    layout = Layout(place.folder / "layouts" / name)
    here = config["architecture"]
    there = "amd64" if here == "arm64" else "arm64"
    settings = dict(config["config"])
    settings["Env"] = [f"GAME_VERSION={label}", f"GAME_LABEL={label}"]
    mine = layout.image(here, files, settings)
    other = layout.image(there, {"game-2048": b"for another machine " + label.encode()}, settings)
    return layout, layout.index([mine, other, layout.attestation(mine), layout.attestation(other)])


@check
def aws_cli_describes_what_runs(place):
    services = place.aws("ecs", "describe-services", "--cluster", "pushboat", "--services", "game-2048")["services"]
    assert services[0]["runningCount"] == 2 and services[0]["status"] == "ACTIVE", services
    place.aws("ecs", "wait", "services-stable", "--cluster", "pushboat", "--services", "game-2048")
    images = place.aws("ecr", "describe-images", "--repository-name", "game-2048")["imageDetails"]
    assert images[0]["imageTags"] == ["placeholder"], images
    group = place.aws("elbv2", "describe-target-groups")["TargetGroups"][0]["TargetGroupArn"]
    health = place.aws("elbv2", "describe-target-health", "--target-group-arn", group)["TargetHealthDescriptions"]
    assert [target["TargetHealth"]["State"] for target in health] == ["healthy", "healthy"], health
    assert place.aws("sts", "get-caller-identity")["Account"] == place.at["account"]
    tasks = place.aws("ecs", "list-tasks", "--cluster", "pushboat")["taskArns"]
    described = place.aws("ecs", "describe-tasks", "--cluster", "pushboat", "--tasks", *tasks)["tasks"]
    assert len({task["availabilityZone"] for task in described}) == 2, described


@check
def pushboat_push_sends_the_game_and_layouts(place):
    code, said = place.push("game", "--tag", "v1", "--label", "Second", "--colour", "#c2410c")
    assert code == 0 and ":v1 and :live" in said, said
    wait("the game says its label", lambda: b"Second" in urllib.request.urlopen(place.at["game"] + "/api/about").read(), 60)
    layout, digest = two_platforms(place, "pushed", "layout")
    code, said = place.push(str(layout.folder), "--tag", "v2")
    assert code == 0, said
    place.settled_on(digest)
    before = len(place.revisions())
    code, said = place.push("game", "--tag", "aside", "--follow", "")
    assert code == 0 and ":live" not in said and len(place.revisions()) == before, said
    for words, says in [
        (["game", "--tag", "v3", "--repository", "none"], "NAME_UNKNOWN"),
        (["/nowhere", "--tag", "v3"], "/nowhere"),
        (["game", "--tag", "not a tag"], "up to 128 letters"),
        ([str(layout.folder), "--tag", "v3", "--label", "x"], "--label and --colour are for the game"),
        (["game", "--tag", "v3", "--registry", "https://example.com", "--registry-password", "x"], "skopeo copy"),
        (["game", "--tag", "v3", "--registry", "127.0.0.1:1"], "give --registry-password"),
    ]:
        code, said = place.push(*words)
        assert code in (1, 2) and says in said, (words, code, said)


@check
def a_missing_or_wrong_signature_is_refused(place):
    wrong = place.client("ecs", aws_secret_access_key="a guess")
    assert refused(wrong.list_clusters, "InvalidSignatureException")["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
    unknown = place.client("ecs", aws_access_key_id="AKIANOBODY")
    refused(unknown.list_clusters, "UnrecognizedClientException")
    unsigned = place.client("ecs", config=Config(signature_version=botocore.UNSIGNED))
    refused(unsigned.list_clusters, "MissingAuthenticationTokenException")
    refused(place.client("elbv2", aws_secret_access_key="a guess").describe_load_balancers, "SignatureDoesNotMatch")


@check
def boto3_gets_the_errors_it_knows(place):
    ecs, ecr = place.client("ecs"), place.client("ecr")
    answer = ecs.describe_services(cluster="pushboat", services=["nobody"])
    assert answer["failures"][0]["reason"] == "MISSING", answer
    refused(lambda: ecs.describe_services(cluster="none", services=["x"]), "ClusterNotFoundException")
    refused(lambda: ecs.update_service(cluster="pushboat", service="none", desiredCount=1), "ServiceNotFoundException")
    refused(lambda: ecs.describe_task_definition(taskDefinition="none:1"), "ClientException")
    refused(lambda: ecr.describe_images(repositoryName="none"), "RepositoryNotFoundException")
    refused(lambda: ecr.describe_images(repositoryName="game-2048", imageIds=[{"imageTag": "none"}]),
            "ImageNotFoundException")
    refused(lambda: place.client("elbv2").describe_target_groups(Names=["none"]), "TargetGroupNotFound")


@check
def skopeo_pushes_an_index_and_exactly_one_revision_follows(place):
    layout, digest = two_platforms(place, "index", "skopeo")
    before, pushed_before = len(place.revisions()), len(place.pushes())
    credentials = f"AWS:{place.at['registry_password']}"
    target = f"docker://{place.registry}/game-2048:live"
    done = subprocess.run(
        ["skopeo", "--insecure-policy", "copy", "--all", "--dest-tls-verify=false", "--dest-creds", credentials,
         f"oci:{layout.folder}", target],
        capture_output=True, text=True,
    )
    assert done.returncode == 0, done.stderr
    place.settled_on(digest)
    time.sleep(1)
    assert len(place.revisions()) == before + 1, place.revisions()
    pushes = place.pushes()[pushed_before:]
    # Pushboat gives what it deploys a tag of its own, which is announced as a push too.
    pushes = [push for push in pushes if not push["image-tag"].startswith("deployed-")]
    tags = [push["image-tag"] for push in pushes]
    assert tags.count("") == 4 and tags.count("live") == 1 and tags[-1] == "live", tags
    assert pushes[-1]["image-digest"] == digest, pushes[-1]


@check
def boto3_retags_and_the_service_follows(place):
    """BatchGetImage and PutImage: how people promote an image without pulling it."""
    layout, digest = two_platforms(place, "retag", "retag")
    credentials = f"AWS:{place.at['registry_password']}"
    subprocess.run(["skopeo", "--insecure-policy", "copy", "--all", "--dest-tls-verify=false", "--dest-creds",
                    credentials, f"oci:{layout.folder}", f"docker://{place.registry}/game-2048:candidate"], check=True,
                   capture_output=True)
    ecr = place.client("ecr")
    found = ecr.batch_get_image(repositoryName="game-2048", imageIds=[{"imageTag": "candidate"}])["images"][0]
    ecr.put_image(repositoryName="game-2048", imageManifest=found["imageManifest"],
                  imageManifestMediaType=found["imageManifestMediaType"], imageTag="live")
    place.settled_on(digest)
    again = lambda: ecr.put_image(repositoryName="game-2048", imageManifest=found["imageManifest"],
                                  imageManifestMediaType=found["imageManifestMediaType"], imageTag="live")
    refused(again, "ImageAlreadyExistsException")


@check
def the_login_of_ecr_opens_the_registry(place):
    token = place.client("ecr").get_authorization_token()["authorizationData"][0]
    user, password = base64.b64decode(token["authorizationToken"]).decode().split(":", 1)
    assert user == "AWS" and token["proxyEndpoint"].endswith(place.registry), token
    listed = subprocess.run(["skopeo", "list-tags", "--tls-verify=false", "--creds", f"{user}:{password}",
                             f"docker://{place.registry}/game-2048"], capture_output=True, text=True)
    assert "live" in json.loads(listed.stdout)["Tags"], listed.stderr
    wrong = subprocess.run(["skopeo", "list-tags", "--tls-verify=false", "--creds", "AWS:guess",
                            f"docker://{place.registry}/game-2048"], capture_output=True, text=True)
    assert wrong.returncode != 0


@check
def a_person_scales_with_the_aws_cli(place):
    place.aws("ecs", "update-service", "--cluster", "pushboat", "--service", "game-2048", "--desired-count", "4")
    place.aws("ecs", "wait", "services-stable", "--cluster", "pushboat", "--services", "game-2048")
    assert place.service()["runningCount"] == 4
    place.aws("ecs", "update-service", "--cluster", "pushboat", "--service", "game-2048", "--desired-count", "2")
    wait("two tasks again", lambda: place.service()["runningCount"] == 2, 30)


def fetch(request):
    """Status and body, whatever the status."""
    asked = urllib.request.Request(request.url, headers=dict(request.headers))
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@check
def boto3_and_curl_sign_for_the_http_api(place):
    """Whoever signs rightly is let in as who he is, and told of the service."""
    curl = ["curl", "--silent", "--aws-sigv4", f"aws:amz:{place.at['region']}:execute-api", "--user",
            f"{place.at['access_key_id']}:{place.at['secret_access_key']}"]
    before = len(place.requests())
    status, body = fetch(place.sign("/services"))
    service = json.loads(body)["services"][0]
    assert service["service"] == "game-2048" and service["capacity"]["decided_by"] == "Pushboat", service
    statuses = [status, fetch(place.sign("/services", SigV4QueryAuth, expires=60))[0]]
    done = subprocess.run([*curl, "--write-out", "%{http_code}", "--output", "/dev/null", place.at["api"] + "/services"],
                          capture_output=True, text=True, check=True)
    statuses.append(int(done.stdout))
    log = place.requests()[before:]
    assert [line["status"] for line in log] == statuses and len(log) == 3, (log, statuses)
    caller = f"arn:aws:iam::{place.at['account']}:user/local"
    for line in log:
        assert line["userArn"] == caller and line["routeKey"] == "GET /services", line
        assert line["status"] == 200, line
    assert "Signature" not in json.dumps(log), "a presigned link is not in the log"


@check
def the_http_api_forbids_everybody_else(place):
    invoked = lambda: json.load(urllib.request.urlopen(place.at["control"] + "invocations"))
    before = [it["requestId"] for it in invoked() if it["function"] == "api"]
    other = place.sign("/services")
    other.url = other.url.replace("/services", "/health")
    stale = place.sign("/services", SigV4QueryAuth, expires=1)
    time.sleep(2.1)
    for what, request in [
        ("unsigned", AWSRequest(method="GET", url=place.at["api"] + "/services").prepare()),
        ("wrong secret", place.sign("/services", secret="a guess")),
        ("wrong secret in a link", place.sign("/services", SigV4QueryAuth, secret="a guess", expires=60)),
        ("other region", place.sign("/services", region="eu-west-1")),
        ("other path than signed", other),
        ("link that has expired", stale),
    ]:
        status, body = fetch(request)
        assert (status, json.loads(body)) == (403, {"message": "Forbidden"}), (what, status, body)
    status, body = fetch(place.sign("/nothing"))
    assert (status, json.loads(body)) == (404, {"message": "Not Found"}), body
    assert [it["requestId"] for it in invoked() if it["function"] == "api"] == before, "nobody reached the function"


@check
def scalable_targets_are_recorded(place):
    scaling = place.client("application-autoscaling")
    target = dict(ServiceNamespace="ecs", ResourceId="service/pushboat/game-2048",
                  ScalableDimension="ecs:service:DesiredCount")
    arn = scaling.register_scalable_target(**target, MinCapacity=2, MaxCapacity=6)["ScalableTargetARN"]
    again = scaling.register_scalable_target(**target, SuspendedState=dict(DynamicScalingInSuspended=True))
    assert again["ScalableTargetARN"] == arn, again
    pages = scaling.get_paginator("describe_scalable_targets").paginate(ServiceNamespace="ecs")
    [found] = [it for page in pages for it in page["ScalableTargets"]]
    assert (found["MinCapacity"], found["MaxCapacity"]) == (2, 6), found
    assert found["SuspendedState"]["DynamicScalingInSuspended"] and found["CreationTime"].year >= 2026, found
    shown = place.aws("application-autoscaling", "describe-scalable-targets", "--service-namespace", "ecs")
    assert shown["ScalableTargets"][0]["ScalableTargetARN"] == arn, shown
    refused(lambda: scaling.register_scalable_target(**target, MinCapacity=9), "ValidationException")
    nobody = target | dict(ResourceId="service/pushboat/nobody", MinCapacity=1, MaxCapacity=2)
    refused(lambda: scaling.register_scalable_target(**nobody), "ValidationException")
    refused(lambda: scaling.describe_scalable_targets(ServiceNamespace="ecs", NextToken="!"), "InvalidNextTokenException")
    assert place.service()["desiredCount"] == 2, "a target alone changes no count"
    scaling.deregister_scalable_target(**target)
    refused(lambda: scaling.deregister_scalable_target(**target), "ObjectNotFoundException")


@check
def boto3_puts_and_reads_metrics(place):
    cloudwatch = place.client("cloudwatch")
    begin = int(time.time()) // 60 * 60 - 600
    dimensions = [{"Name": "Service", "Value": "game"}]
    # More than 10 KB, so that it comes compressed.
    cloudwatch.put_metric_data(Namespace="Clients", MetricData=[
        {"MetricName": "Load", "Dimensions": dimensions, "Timestamp": begin + number % 5 * 60, "Value": number}
        for number in range(500)
    ])
    listed = cloudwatch.list_metrics(Namespace="Clients")["Metrics"]
    assert listed == [{"Namespace": "Clients", "MetricName": "Load", "Dimensions": dimensions}], listed
    metric = {"Namespace": "Clients", "MetricName": "Load", "Dimensions": dimensions}
    queries = [
        {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}},
        {"Id": "e1", "Expression": "FILL(m1, 0) / PERIOD(m1)", "Label": "rate"},
    ]
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=begin, EndTime=begin + 360, ScanBy="TimestampAscending",
        PaginationConfig={"PageSize": 4})
    values = {}
    for page in pages:
        for result in page["MetricDataResults"]:
            values.setdefault(result["Label"], []).extend(result["Values"])
    assert values["Load"] == [24750, 24850, 24950, 25050, 25150] and values["rate"][4:] == [25150 / 60, 0], values
    points = cloudwatch.get_metric_statistics(
        Namespace="Clients", MetricName="Load", Dimensions=dimensions, StartTime=begin, EndTime=begin + 300, Period=300,
        Statistics=["Average"], ExtendedStatistics=["p50"])["Datapoints"]
    assert points[0]["Average"] == 249.5 and abs(points[0]["ExtendedStatistics"]["p50"] / 249 - 1) < 0.1, points
    refused(lambda: cloudwatch.put_metric_data(Namespace="AWS/ECS", MetricData=[{"MetricName": "x", "Value": 1}]),
            "InvalidParameterValue")
    refused(lambda: cloudwatch.get_metric_data(MetricDataQueries=[{"Id": "e1", "Expression": "NOPE(1)"}],
                                               StartTime=begin, EndTime=begin + 60), "ValidationError")


@check
def alarms_speak_every_protocol_of_cloudwatch(place):
    place.aws("cloudwatch", "put-metric-alarm", "--alarm-name", "clients", "--namespace", "Clients", "--metric-name",
              "Load", "--statistic", "Average", "--period", "60", "--evaluation-periods", "1", "--threshold", "1",
              "--comparison-operator", "GreaterThanThreshold", "--treat-missing-data", "notBreaching")
    cloudwatch = place.client("cloudwatch")
    cloudwatch.put_composite_alarm(AlarmName="any-client", AlarmRule="ALARM(clients) OR FALSE")
    cloudwatch.set_alarm_state(AlarmName="clients", StateValue="ALARM", StateReason="a test")
    shown = place.aws("cloudwatch", "describe-alarms", "--state-value", "ALARM", "--alarm-types", "CompositeAlarm",
                      "MetricAlarm")
    assert [it["AlarmName"] for it in shown["MetricAlarms"] + shown["CompositeAlarms"]] == ["clients", "any-client"], shown
    seen = json.load(urllib.request.urlopen(place.at["control"] + "events"))
    heard = [it["event"]["detail"]["alarmName"] for it in seen if it["event"]["source"] == "aws.cloudwatch"]
    assert "clients" in heard and "any-client" in heard, heard

    def ask(body, content_type, **headers):
        credentials = Credentials(place.at["access_key_id"], place.at["secret_access_key"])
        request = AWSRequest(method="POST", url=place.at["aws"] + "/", data=body,
                             headers={"Content-Type": content_type, **headers})
        SigV4Auth(credentials, "monitoring", place.at["region"]).add_auth(request)
        prepared = request.prepare()
        sent = urllib.request.Request(prepared.url, data=body.encode(), headers=dict(prepared.headers))
        try:
            return urllib.request.urlopen(sent).read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    form = "application/x-www-form-urlencoded; charset=utf-8"
    old = ask("Action=DescribeAlarms&Version=2010-08-01&AlarmNames.member.1=clients", form)
    assert "<MetricAlarms><member><AlarmName>clients</AlarmName>" in old, old
    wrong = ask("Action=SetAlarmState&AlarmName=nobody&StateValue=OK&StateReason=x", form)
    assert "<Code>ResourceNotFound</Code>" in wrong, wrong
    new = ask('{"AlarmNames":["clients"]}', "application/x-amz-json-1.0",
              **{"X-Amz-Target": "GraniteServiceVersion20100801.DescribeAlarms"})
    assert json.loads(new)["MetricAlarms"][0]["StateReason"] == "a test", new
    mute_rules(cloudwatch, place, lambda body: ask(body, form))
    refused(lambda: cloudwatch.delete_alarms(AlarmNames=["clients"]), "ValidationError")
    cloudwatch.delete_alarms(AlarmNames=["clients", "any-client"])
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def mute_rules(cloudwatch, place, ask):
    """In each of the protocols, on the alarm `clients`."""
    schedule = {"Expression": "cron(* * * * *)", "Duration": "PT2M", "Timezone": "Europe/Berlin"}
    cloudwatch.put_alarm_mute_rule(Name="now", Rule={"Schedule": schedule}, MuteTargets={"AlarmNames": ["clients"]})
    place.aws("cloudwatch", "put-alarm-mute-rule", "--name", "long-ago", "--rule",
              "Schedule={Expression=at(2024-05-10T14:00),Duration=PT4H}", "--mute-targets", "AlarmNames=clients")
    made = ask("Action=PutAlarmMuteRule&Version=2010-08-01&Name=later&Rule.Schedule.Expression=at(2099-01-01T00:00)"
               "&Rule.Schedule.Duration=P7D&MuteTargets.AlarmNames.member.1=clients")
    assert "<PutAlarmMuteRuleResponse" in made, made
    shown = cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="now")
    assert (shown["Rule"]["Schedule"], shown["Status"], shown["MuteType"]) == (schedule, "ACTIVE", "RECURRING"), shown
    statuses = [it["Status"] for it in cloudwatch.list_alarm_mute_rules(AlarmName="clients")["AlarmMuteRuleSummaries"]]
    assert statuses == ["SCHEDULED", "EXPIRED", "ACTIVE"], statuses
    active = ask("Action=ListAlarmMuteRules&Version=2010-08-01&AlarmName=clients&Statuses.member.1=ACTIVE")
    assert active.count("<AlarmMuteRuleArn>") == 1 and "alarm-mute-rule:now</AlarmMuteRuleArn>" in active, active
    for name in ["now", "long-ago", "later", "nobody"]:
        cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName=name)
    refused(lambda: cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="now"), "ResourceNotFoundException")


@check
def tasks_and_load_balancer_are_measured(place):
    cloudwatch = place.client("cloudwatch")
    urllib.request.urlopen(place.at["game"]).read()

    def measured():
        names = {it["MetricName"] for namespace in ("AWS/ECS", "AWS/ApplicationELB")
                 for it in cloudwatch.list_metrics(Namespace=namespace)["Metrics"]}
        return {"CPUUtilization", "MemoryUtilization", "RequestCount", "TargetResponseTime", "HealthyHostCount"} <= names
    # A minute, and the delay until it can be seen.
    wait("metrics of a minute", measured, 150)
    end = int(time.time()) + 60
    point = cloudwatch.get_metric_statistics(
        Namespace="AWS/ECS", MetricName="MemoryUtilization", StartTime=end - 600, EndTime=end, Period=60,
        Dimensions=[{"Name": "ClusterName", "Value": "pushboat"}, {"Name": "ServiceName", "Value": "game-2048"}],
        Statistics=["Average", "SampleCount"])["Datapoints"][0]
    assert 0 < point["Average"] < 100 and point["Unit"] == "Percent", point


@check
def docker_pushes_where_an_engine_runs(place):
    engine = shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True).returncode == 0
    if not engine:
        return "skipped: no docker engine answers here"
    layout, _ = two_platforms(place, "docker", "docker")
    archive = place.folder / "layouts" / "docker.tar"
    subprocess.run(["skopeo", "--insecure-policy", "copy", f"oci:{layout.folder}",
                    f"docker-archive:{archive}:{place.registry}/game-2048:live"], check=True, capture_output=True)
    subprocess.run(["docker", "load", "-i", str(archive)], check=True, capture_output=True)
    subprocess.run(["docker", "login", "--username", "AWS", "--password-stdin", place.registry], check=True,
                   input=place.at["registry_password"].encode(), capture_output=True)
    before = len(place.revisions())
    subprocess.run(["docker", "push", f"{place.registry}/game-2048:live"], check=True, capture_output=True)
    wait("one revision more", lambda: len(place.revisions()) == before + 1, 30)
    place.aws("ecs", "wait", "services-stable", "--cluster", "pushboat", "--services", "game-2048")


@check
def ctrl_c_ends_the_demo_at_any_moment(place):
    """While it starts, while version 1 rolls out, and under traffic."""
    for seconds in (0.4, 1.2, 3.0, 6.0):
        folder = place.folder / f"demo-{seconds}"
        folder.mkdir()
        ports = ["--game-port", "0", "--aws-port", "0", "--registry-port", "0", "--api-port", "0"]
        demo = subprocess.Popen([place.program, "demo", *ports], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                env=dict(os.environ, XDG_RUNTIME_DIR=str(folder), TMPDIR=str(folder)))
        time.sleep(seconds)
        assert demo.poll() is None, demo.stdout.read()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(20) in (1, 130), f"after {seconds} s it ends with {demo.returncode}"
        belongs = lambda process: str(folder) in os.readlink(process / "exe")
        left = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                left += [process.name] if belongs(process) else []
            except OSError:
                pass
        assert not left, f"after {seconds} s these are left: {left}"
        files = [path.name for path in folder.iterdir()]
        assert not files, f"after {seconds} s these files are left: {files}"
        folder.rmdir()


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="clients-"))
    (folder / "layouts").mkdir()
    place = Place(program, folder)
    failed = skipped = 0
    try:
        for function in CHECKS:
            name = function.__name__.replace("_", " ")
            since = time.monotonic()
            try:
                said = function(place)
            except Exception as error:
                failed += 1
                print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
                continue
            skipped += bool(said)
            print(f"{'ok' if not said else said} - {name} ({time.monotonic() - since:.1f} s)", flush=True)
    finally:
        try:
            place.stop()
            print("ok - ctrl c leaves nothing behind")
        except AssertionError as error:
            failed += 1
            print(f"FAILED ctrl c leaves nothing behind: {error}")
        if failed:
            print((folder / "local.log").read_text(errors="replace")[-4000:])
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(CHECKS) + 1 - failed - skipped} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
