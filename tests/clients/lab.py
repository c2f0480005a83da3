"""Runs docs/concepts.md: every `sh` block of the page, from top to bottom in one bash, against `pushboat local`.

    python tests/clients/lab.py target/debug/pushboat

needs the AWS CLI, boto3 and curl. A `text` block under an `sh` block is what that must print; `…` stands for anything
within a line, and blanks count as one. The environment is what `pushboat local` prints, nothing else. Afterwards it looks
for what the lab has left behind, and for the refusals that the page's order avoids.
"""
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from clients import Place, refused, wait

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "concepts.md"
MARK = "=== block "


def blocks(page):
    """(line of the page, commands, what they must print or None) for each `sh` block."""
    found = []
    for fence in re.finditer(r"^```(\w*)\n(.*?)^```$", page, re.M | re.S):
        kind, content = fence.groups()
        line = page[:fence.start()].count("\n") + 1
        if kind == "sh":
            found.append([line, content, None])
        else:
            assert kind == "text" and found and found[-1][2] is None, f"line {line}: which commands print this?"
            found[-1][2] = content
    return found


def printed_environment(place):
    """The `export` lines, as a person would paste them."""
    said = (place.folder / "local.log").read_text()
    pairs = [word for line in said.splitlines() if line.startswith("export ") for word in shlex.split(line)[1:]]
    return dict(pair.split("=", 1) for pair in pairs)


def run(place, page):
    """What each block printed, and the value of ADDRESS at the end."""
    script = ["set -euo pipefail"]
    for line, commands, _ in page:
        script += [f"echo; echo '{MARK}{line}'", commands]
    script += [f"echo; echo '{MARK}end'", 'echo "$ADDRESS"']
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PUSHBOAT_"))}
    done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=ROOT, capture_output=True, text=True,
                          env=kept | printed_environment(place), timeout=600)
    printed = {}
    for part in done.stdout.split(MARK)[1:]:
        line, _, text = part.partition("\n")
        printed[line] = text
    assert done.returncode == 0, f"the block at line {list(printed)[-1]} failed:\n{done.stdout[-2000:]}\n{done.stderr}"
    return printed, printed["end"].strip()


def fits(expected, text):
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    wanted = [" ".join(line.split()) for line in expected.splitlines() if line.strip()]
    pattern = lambda line: ".*".join(map(re.escape, line.split("…")))
    return len(lines) == len(wanted) and all(re.fullmatch(pattern(w), l) for w, l in zip(wanted, lines))


def the_page_does_what_it_says(place):
    page = blocks(PAGE.read_text())
    assert len(page) > 10, "the page has lost its commands"
    before = task_processes(place)
    printed, address = run(place, page)
    for line, commands, expected in page:
        text = printed[str(line)]
        assert expected is None or fits(expected, text), f"line {line} says\n{expected}but it prints\n{text}"
    host, port = address.split(":")
    assert host == "127.0.0.1", address
    with socket.socket() as door:
        assert door.connect_ex((host, int(port))) != 0, f"{address} is still open"
    wait("every process of the lab has ended", lambda: task_processes(place) <= before, 10)
    assert before == task_processes(place), "the game's own tasks were touched"
    ecs, elb = place.client("ecs"), place.client("elbv2")
    assert [arn.split("/")[-1] for arn in ecs.list_clusters()["clusterArns"]] == ["pushboat"]
    assert len(elb.describe_load_balancers()["LoadBalancers"]) == 1
    assert len(elb.describe_target_groups()["TargetGroups"]) == 1
    assert ecs.list_task_definitions(familyPrefix="lab")["taskDefinitionArns"] == []


def task_processes(place):
    """The processes of tasks: their programs were unpacked into the place's own folder."""
    found = set()
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(place.folder) in os.readlink(process / "exe"):
                found.add(process.name)
        except OSError:
            pass
    return found


def the_page_notices_when_it_is_wrong(_):
    page = blocks("```sh\necho a  b\n```\n\n```text\na b\n```\n```sh\ntrue\n```\n")
    assert [(line, expected) for line, _, expected in page] == [(1, "a b\n"), (8, None)], page
    assert fits("a b\n…c…\n", "a\tb\n\nxcy\n")
    assert not fits("a\n", "b\n") and not fits("a\n", "") and not fits("a.c\n", "abc\n") and not fits("", "a")


def load_balancers_refuse_what_aws_refuses(place):
    elb = place.client("elbv2")
    subnets = ["subnet-1", "subnet-2"]
    balancer = elb.create_load_balancer(Name="odd", Subnets=subnets)["LoadBalancers"][0]
    again = elb.create_load_balancer(Name="odd", Subnets=subnets)["LoadBalancers"][0]
    assert again["LoadBalancerArn"] == balancer["LoadBalancerArn"] and again["DNSName"] == balancer["DNSName"], again
    refused(lambda: elb.create_load_balancer(Name="odd", Subnets=subnets, Scheme="internal"),
            "DuplicateLoadBalancerName")
    refused(lambda: elb.create_load_balancer(Name="other", Subnets=subnets[:1]), "ValidationError")
    settings = dict(Name="odd", Protocol="HTTP", Port=8080, VpcId="vpc-1", TargetType="ip")
    group = elb.create_target_group(**settings)["TargetGroups"][0]
    assert (group["HealthCheckIntervalSeconds"], group["HealthCheckPath"], group["Matcher"]) == \
        (30, "/", {"HttpCode": "200"}), group
    refused(lambda: elb.create_target_group(**settings, HealthCheckPath="/x"), "DuplicateTargetGroupName")
    refused(lambda: elb.modify_target_group(TargetGroupArn=group["TargetGroupArn"], HealthCheckIntervalSeconds=5),
            "ValidationError")

    def listen(to, port=80):
        forward = [{"Type": "forward", "TargetGroupArn": to}]
        return elb.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=port,
                                   DefaultActions=forward)["Listeners"][0]

    refused(lambda: listen(group["TargetGroupArn"] + "0"), "TargetGroupNotFound")
    game = elb.describe_target_groups(Names=["game-2048"])["TargetGroups"][0]["TargetGroupArn"]
    refused(lambda: listen(game), "TargetGroupAssociationLimit")
    host, port = balancer["DNSName"].split(":")
    knock = lambda: socket.socket().connect_ex((host, int(port)))
    assert knock() != 0, "a load balancer without a listener takes no connection"
    listen(group["TargetGroupArn"])
    wait("the listener serves", lambda: knock() == 0, 5)
    refused(lambda: elb.delete_target_group(TargetGroupArn=group["TargetGroupArn"]), "ResourceInUse")
    refused(lambda: listen(group["TargetGroupArn"], 81), "TooManyListeners")
    elb.add_tags(ResourceArns=[group["TargetGroupArn"]], Tags=[{"Key": "team", "Value": "lab"}])
    described = elb.describe_tags(ResourceArns=[group["TargetGroupArn"]])["TagDescriptions"][0]
    assert described["Tags"] == [{"Key": "team", "Value": "lab"}], described
    elb.remove_tags(ResourceArns=[group["TargetGroupArn"]], TagKeys=["team"])
    protect = lambda value: elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=[{"Key": "deletion_protection.enabled", "Value": value}])
    protect("true")
    refused(lambda: elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"]), "OperationNotPermitted")
    protect("false")
    elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    refused(lambda: elb.describe_load_balancers(Names=["odd"]), "LoadBalancerNotFound")
    wait("its port closes", lambda: knock() != 0, 5)
    elb.delete_target_group(TargetGroupArn=group["TargetGroupArn"])
    refused(lambda: elb.describe_target_groups(Names=["odd"]), "TargetGroupNotFound")


def ecs_refuses_what_aws_refuses(place):
    ecs = place.client("ecs")
    refused(lambda: ecs.delete_cluster(cluster="pushboat"), "ClusterContainsServicesException")
    refused(lambda: ecs.delete_cluster(cluster="none"), "ClusterNotFoundException")
    container = [{"name": "game", "image": "game", "portMappings": [{"containerPort": 8080}]}]
    fargate = dict(family="odd", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
                   containerDefinitions=container)
    refused(lambda: ecs.register_task_definition(**fargate | {"memory": "4096"}), "ClientException")
    refused(lambda: ecs.register_task_definition(**fargate | {"networkMode": "bridge"}), "ClientException")
    ecs.register_task_definition(**fargate)
    service = dict(cluster="pushboat", serviceName="odd", taskDefinition="odd", desiredCount=0)
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    refused(lambda: ecs.create_service(**service, launchType="FARGATE"), "InvalidParameterException")
    refused(lambda: ecs.create_service(**service, launchType="EC2"), "UnsupportedFeatureException")
    spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    refused(lambda: ecs.create_service(**service, launchType="FARGATE", capacityProviderStrategy=spot,
                                       networkConfiguration=network), "InvalidParameterException")
    made = ecs.create_service(**service, capacityProviderStrategy=spot, networkConfiguration=network)["service"]
    assert made["capacityProviderStrategy"][0]["capacityProvider"] == "FARGATE_SPOT", made
    ecs.delete_service(cluster="pushboat", service="odd")
    ecs.deregister_task_definition(taskDefinition="odd:1")


CHECKS = [
    the_page_notices_when_it_is_wrong,
    load_balancers_refuse_what_aws_refuses,
    ecs_refuses_what_aws_refuses,
    the_page_does_what_it_says,
]


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lab-"))
    place = Place(str(pathlib.Path(sys.argv[1]).resolve()), folder)
    failed = 0
    for check in [*CHECKS, Place.stop]:
        name = check.__name__.replace("_", " ")
        since = time.monotonic()
        try:
            check(place)
        except Exception as error:
            failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
            continue
        print(f"ok - {name} ({time.monotonic() - since:.1f} s)", flush=True)
    if failed:
        print((folder / "local.log").read_text(errors="replace")[-4000:])
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(CHECKS) + 1 - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
