#!/usr/bin/env bash
# What only a real account can show, in one go. docs/verify-on-aws.md says what is asked and what to expect.
#
#   docs/verify-on-aws.sh [--keep]     --keep leaves the stack standing
#
# Needs credentials, sam, cargo-lambda, aws, docker with buildx, curl 7.75, python3. Makes the stack pushboat-verify and
# removes it again; costs less than a dollar.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

STACK=pushboat-verify
NAME=pushboat-verify
KEEP=${1:-}
AWS_REGION=${AWS_REGION:-$(aws configure get region || true)}
export AWS_REGION AWS_DEFAULT_REGION=$AWS_REGION AWS_PAGER=""
ACCOUNT=$(aws sts get-caller-identity --query Account --output text) || exit 2
IMAGE=$ACCOUNT.dkr.ecr.$AWS_REGION.amazonaws.com/$NAME
WORK=$(mktemp -d)
RESULTS=$WORK/results

# One line of the table: what was asked, what is expected, what was seen.
result() {
    local verdict=differs
    [ "$2" = "$3" ] && verdict=ok
    printf '%-8s | %s | %s | %s\n' "$verdict" "$1" "$2" "$3" | tee -a "$RESULTS"
}
# For what is not known: it is written down.
noted() { printf '%-8s | %s | %s | %s\n' noted "$1" "not documented" "$2" | tee -a "$RESULTS"; }
step() { printf '\n== %s\n' "$1"; }

service() { aws ecs describe-services --cluster $STACK --services $NAME --include TAGS --query "services[0].$1" --output text; }
running_image() {
    aws ecs describe-task-definition --task-definition "$(service taskDefinition)" \
        --query 'taskDefinition.containerDefinitions[0].image' --output text
}
digest_of() { aws ecr describe-images --repository-name $NAME --image-ids imageTag="$1" --query 'imageDetails[0].imageDigest' --output text; }
pushed_at() { aws ecr describe-images --repository-name $NAME --image-ids imageDigest="$1" --query 'imageDetails[0].imagePushedAt' --output text; }
output() { aws cloudformation describe-stacks --stack-name $STACK --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" --output text; }
settled() { [ "$(service 'deployments[0].rolloutState')" = COMPLETED ]; }
# Asks every five seconds, for so many seconds.
until_true() {
    local seconds=$1 since=$SECONDS
    shift
    until "$@"; do
        [ $((SECONDS - since)) -lt "$seconds" ] || return 1
        sleep 5
    done
    echo $((SECONDS - since)) >"$WORK/waited"
}
runs() { running_image | grep -q "$1" && settled; }
deploy() { sam deploy --stack-name $STACK --no-confirm-changeset --parameter-overrides Name=$NAME LogRetentionDays=1 "$@"; }

cleanup() {
    aws events remove-targets --rule $STACK-watch --ids queue >/dev/null 2>&1
    aws events delete-rule --name $STACK-watch >/dev/null 2>&1
    [ -n "${QUEUE:-}" ] && aws sqs delete-queue --queue-url "$QUEUE" >/dev/null 2>&1
    aws cloudwatch delete-alarms --alarm-names $STACK-probe >/dev/null 2>&1
    if [ "$KEEP" != --keep ]; then
        step "deletion of a used stack"
        BUCKET=$(output AccessLogs)
        sam delete --stack-name $STACK --no-prompts
        result "the stack is gone" "gone" "$(aws cloudformation describe-stacks --stack-name $STACK >/dev/null 2>&1 && echo there || echo gone)"
        result "the bucket of the access logs stays" "there" "$(aws s3api head-bucket --bucket "$BUCKET" >/dev/null 2>&1 && echo there || echo gone)"
        aws s3 rb --force "s3://$BUCKET" >/dev/null
        result "log groups that are left" "0" "$(aws logs describe-log-groups --output json | grep -c "\"logGroupName\".*$STACK")"
        result "the repository is gone" "gone" "$(aws ecr describe-repositories --repository-names $NAME >/dev/null 2>&1 && echo there || echo gone)"
    fi
    step "results"
    cat "$RESULTS"
    rm -rf "$WORK"
}
trap cleanup EXIT

step "first deploy, empty registry"
sam build && deploy || exit 1
result "one placeholder task is healthy" "200" "$(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 20 "$(output Address)")"
result "desired count" "1" "$(service desiredCount)"

step "events of a push with buildx, two platforms with attestations"
QUEUE=$(aws sqs create-queue --queue-name $STACK-watch --query QueueUrl --output text)
QUEUE_ARN=arn:aws:sqs:$AWS_REGION:$ACCOUNT:$STACK-watch
RULE_ARN=$(aws events put-rule --name $STACK-watch --event-pattern "{\"source\":[\"aws.ecr\"],\"detail\":{\"repository-name\":[\"$NAME\"]}}" --query RuleArn --output text)
aws sqs set-queue-attributes --queue-url "$QUEUE" --attributes "$(python3 -c '
import json, sys
arn, rule = sys.argv[1:]
print(json.dumps({"Policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage", "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}]})}))' "$QUEUE_ARN" "$RULE_ARN")"
aws events put-targets --rule $STACK-watch --targets Id=queue,Arn="$QUEUE_ARN" >/dev/null
aws ecr get-login-password | docker login --username AWS --password-stdin "${IMAGE%%/*}"
docker buildx create --name $STACK --use >/dev/null 2>&1 || docker buildx use $STACK
# The Dockerfile of the game compiles it; here any small server will do.
mkdir "$WORK/one" "$WORK/two" "$WORK/broken"
printf 'FROM public.ecr.aws/nginx/nginx-unprivileged:stable\nCOPY index.html /usr/share/nginx/html/\n' >"$WORK/one/Dockerfile"
printf 'FROM public.ecr.aws/nginx/nginx-unprivileged:stable\nCOPY index.html /usr/share/nginx/html/\n' >"$WORK/two/Dockerfile"
echo one >"$WORK/one/index.html"
echo two >"$WORK/two/index.html"
printf 'FROM public.ecr.aws/nginx/nginx-unprivileged:stable\nCMD ["false"]\n' >"$WORK/broken/Dockerfile"
push() { docker buildx build --push --provenance=mode=max --platform linux/amd64,linux/arm64 --tag "$IMAGE:$1" --tag "$IMAGE:live" "$WORK/$1"; }
pushed=$SECONDS
push one || exit 1
DIGEST=$(digest_of one)
until_true 600 runs "$DIGEST"
result "the push is deployed" "$DIGEST" "$(running_image | cut -d@ -f2)"
noted "seconds from the end of the push to the end of the roll-out" "$(cat "$WORK/waited" 2>/dev/null || echo "more than 600, $((SECONDS - pushed)) with the push")"
sleep 60
: >"$WORK/events"
while aws sqs receive-message --queue-url "$QUEUE" --max-number-of-messages 10 --wait-time-seconds 2 --output json >"$WORK/batch" && [ -s "$WORK/batch" ]; do
    python3 - "$WORK/batch" <<'PYTHON' >>"$WORK/events"
import json, sys
for message in json.load(open(sys.argv[1])).get("Messages", []):
    event = json.loads(message["Body"])
    print(event["detail-type"], event["detail"].get("action-type", ""), repr(event["detail"].get("image-tag")))
PYTHON
    python3 -c 'import json,sys
for m in json.load(open(sys.argv[1])).get("Messages", []): print(m["ReceiptHandle"])' "$WORK/batch" |
        while read -r handle; do aws sqs delete-message --queue-url "$QUEUE" --receipt-handle "$handle"; done
done
noted "events of that push and of the tag deployed-…" "$(sort "$WORK/events" | uniq -c | tr -s ' ' | tr '\n' ';')"
result "untagged manifests are announced with an empty tag" "yes" "$(grep -q "''" "$WORK/events" && echo yes || echo no)"

step "an image in use keeps a tag, and does tagging change when it was pushed?"
result "the digest has a tag deployed-…" "1" "$(aws ecr describe-images --repository-name $NAME --image-ids imageDigest="$DIGEST" --query 'imageDetails[0].imageTags' --output text | tr '\t' '\n' | grep -c ^deployed-)"
before=$(pushed_at "$DIGEST")
aws ecr put-image --repository-name $NAME --image-tag probe --image-manifest "$(aws ecr batch-get-image --repository-name $NAME --image-ids imageDigest="$DIGEST" --query 'images[0].imageManifest' --output text)" >/dev/null
noted "imagePushedAt after one more tag" "$([ "$before" = "$(pushed_at "$DIGEST")" ] && echo unchanged || echo changed)"

step "a stack update keeps image, count and tags"
aws ecs update-service --cluster $STACK --service $NAME --desired-count 2 >/dev/null
ARN=$(service serviceArn)
PROBE=pushboat:rejected:$(printf '0%.0s' {1..64})
aws ecs tag-resource --resource-arn "$ARN" --tags key="$PROBE",value=probe
until_true 300 settled
deploy MetricSeconds=60 # changes the service itself
result "image after an update of the service" "$DIGEST" "$(running_image | cut -d@ -f2)"
result "count after an update of the service" "2" "$(service desiredCount)"
result "a tag that Pushboat wrote survives" "1" "$(service 'tags[].key' | tr '\t' '\n' | grep -c "^$PROBE")"
deploy MetricSeconds=60 Cpu=512 Memory=1024
cpu() { aws ecs describe-task-definition --task-definition "$(service taskDefinition)" --query taskDefinition.cpu --output text; }
more_cpu() { [ "$(cpu)" = 512 ] && settled; }
until_true 600 more_cpu
result "more CPU is rolled out" "512" "$(cpu)"
result "with the live image" "$DIGEST" "$(running_image | cut -d@ -f2)"
result "and the count" "2" "$(service desiredCount)"

step "a broken image"
push broken
BROKEN=$(digest_of broken)
rejected() { service 'tags[].key' | tr '\t' '\n' | grep -q "^pushboat:rejected:${BROKEN#sha256:}" && settled; }
until_true 1200 rejected
result "it is rejected" "yes" "$(rejected && echo yes || echo no)"
result "the good image runs" "$DIGEST" "$(running_image | cut -d@ -f2)"
sleep 150
result "the newest revision is a good one" "$DIGEST" "$(aws ecs describe-task-definition --task-definition $NAME --query 'taskDefinition.containerDefinitions[0].image' --output text | cut -d@ -f2)"

step "the API"
result "an unsigned call" "403" "$(curl --silent --output /dev/null --write-out '%{http_code}' "$(output ApiAddress)/services")"
eval "$(aws configure export-credentials --format env)"
result "a signed call" "200" "$(curl --silent --output /dev/null --write-out '%{http_code}' --aws-sigv4 "aws:amz:$AWS_REGION:execute-api" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" --header "x-amz-security-token: ${AWS_SESSION_TOKEN:-}" "$(output ApiAddress)/services")"

step "one-off tasks, the history, and the checks"
pushboat() { cargo run --quiet --bin pushboat -- "$@"; }
result "a one-off task's log and end" "hello 0" "$(pushboat run --stack $STACK $NAME --key probe-$$ -- sh -c 'echo hello' 2>/dev/null | tr '\n' ' ')$?"
pushboat run --stack $STACK $NAME -- sh -c 'exit 3' >/dev/null 2>&1
result "the exit status of one that fails" "4" "$?"
result "tasks of one key" "1" "$(for _ in 1 2; do pushboat run --stack $STACK $NAME --key twice-$$ --detach --output json -- sh -c 'sleep 60' |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["task"]["id"])'; done | sort -u | wc -l)"
result "a foreign family" "3" "$(pushboat run --stack $STACK $NAME --family not-of-this-stack >/dev/null 2>&1; echo $?)"
pushboat scale --stack $STACK $NAME --min 2 --for 5m >/dev/null 2>&1
sleep 60 # CloudWatch Logs takes a moment until a line can be found
result "what was asked of the count is in the history" "yes" "$(pushboat history --stack $STACK $NAME --only counts 2>/dev/null | grep -q 'at least 2' && echo yes || echo no)"
result "doctor" "0" "$(pushboat doctor --stack $STACK >"$WORK/doctor" 2>&1; echo $?)"
result "verify" "0" "$(pushboat verify $STACK/$NAME >"$WORK/verify" 2>&1; echo $?)"
noted "what the checks could not see" "$(grep -h unknown "$WORK/doctor" "$WORK/verify" | tr -s ' ' | tr '\n' ';')"

step "an alarm calls a function directly"
aws lambda add-permission --function-name $STACK-sweep --statement-id probe --action lambda:InvokeFunction \
    --principal lambda.alarms.cloudwatch.amazonaws.com --source-account "$ACCOUNT" \
    --source-arn "arn:aws:cloudwatch:$AWS_REGION:$ACCOUNT:alarm:$STACK-probe" >/dev/null
aws cloudwatch put-metric-alarm --alarm-name $STACK-probe --namespace Probe --metric-name probe --statistic Sum --period 60 \
    --evaluation-periods 1 --threshold 1 --comparison-operator GreaterThanThreshold \
    --alarm-actions "arn:aws:lambda:$AWS_REGION:$ACCOUNT:function:$STACK-sweep"
aws cloudwatch set-alarm-state --alarm-name $STACK-probe --state-value ALARM --state-reason probe
sleep 60
result "sweep was called, and ignored it" "yes" "$(aws logs filter-log-events --log-group-name /aws/lambda/$STACK-sweep --filter-pattern '"not an EventBridge event"' --query 'events[0].message' --output text | grep -q ignored && echo yes || echo no)"

step "permissions"
denied=0
for function in deploy sweep api live-image; do
    found=$(aws logs filter-log-events --log-group-name "/aws/lambda/$STACK-$function" --filter-pattern %AccessDenied% --output json |
        python3 -c 'import json, sys; print(len(json.load(sys.stdin)["events"]))')
    denied=$((denied + found))
done
result "AccessDenied in the functions' logs" "0" "$denied"
