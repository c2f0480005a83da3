"""Writes the shapes that RegisterTaskDefinition takes, from the service model that botocore ships.

    pip install botocore && python tests/models/extract.py > tests/models/register_task_definition.json

Only names, types, enumerations and required members: no documentation.
"""
import gzip
import importlib.util
import json
import pathlib
import sys

botocore = pathlib.Path(importlib.util.find_spec("botocore").origin).parent
model = json.load(gzip.open(botocore / "data/ecs/2014-11-13/service-2.json.gz"))

KEPT = ("type", "enum", "required")
shapes, waiting = {}, ["RegisterTaskDefinitionRequest"]
while waiting:
    name = waiting.pop()
    if name in shapes:
        continue
    shape = model["shapes"][name]
    kept = {key: shape[key] for key in KEPT if key in shape}
    for part in ("member", "key", "value"):
        if part in shape:
            kept[part] = shape[part]["shape"]
            waiting.append(kept[part])
    if "members" in shape:
        kept["members"] = {member: spec["shape"] for member, spec in shape["members"].items()}
        waiting.extend(kept["members"].values())
    shapes[name] = kept

json.dump({"apiVersion": model["metadata"]["apiVersion"], "shapes": shapes}, sys.stdout, indent=1, sort_keys=True)
print()
