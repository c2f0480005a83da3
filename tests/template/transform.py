"""template.yaml as CloudFormation sees it after the SAM transform."""
import json, sys
from samtranslator.yaml_helper import yaml_parse
from samtranslator.translator.transform import transform
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
template = yaml_parse(open(sys.argv[1]).read())
for r in template["Resources"].values():
    if r["Type"] == "AWS::Serverless::Function":
        r["Properties"]["CodeUri"] = "s3://bucket/" + r["Properties"]["CodeUri"]
class Loader:
    def load(self): return {}
out = transform(template, {}, Loader())
json.dump(out, sys.stdout, indent=1, sort_keys=False)
