//! What stands at the end of each `--help`: lines to copy, and what a script is told.

pub(super) const EXIT_STATUS: &str = "\
Exit status:
  0  done
  1  not as expected: the API cannot be reached, or it or AWS is in trouble
  2  not understood: the command line, which service, where the API is, or no credentials
  3  refused, with a reason: not permitted, no such service, not possible as things are; or a check is wrong
  4  the roll-out that was followed failed and was rolled back, or gave way to another; or the task failed
  5  the roll-out or the task that was followed had not come to its end in time; it goes on
  130  Ctrl-C: not followed any further; what was begun goes on

Against a running `pushboat local` neither address nor credentials are needed. Otherwise the address comes from --url,
PUSHBOAT_URL or --stack, and requests are signed with the credentials that the AWS CLI would use, or carry a token
(--token or PUSHBOAT_TOKEN).";

pub(super) const STATUS: &str = "\
Examples:
  pushboat status                          every service that has been handed over
  pushboat status game-2048                one of them, with all that is known
  pushboat status --stack pushboat --profile prod
  pushboat status --output json | jq -r '.services[].images[].digest'";

pub(super) const WATCH: &str = "\
Examples:
  pushboat watch                           every service, again and again, until Ctrl-C
  pushboat watch game-2048                 its roll-out to the end, or the next one where none is under way";

pub(super) const HISTORY: &str = "\
Examples:
  pushboat history                         the last ten releases and counts, with who or what caused each
  pushboat history --only counts --limit 50
  pushboat history game-2048 --limit 50
  pushboat history --output json | jq -r '.entries[] | select(.outcome == \"rolled_back\") | .revision'

ECS keeps roll-outs for about three months; what was decided of counts is there as long as the functions' logs are kept.";

pub(super) const PLAN: &str = "\
Examples:
  pushboat plan                            what Pushboat would do now by itself, and why
  pushboat plan game-2048 --tag v2         the deployment of this tag; or --digest
  pushboat plan --desired 6                so many tasks

Values of the environment are not shown, only that they change.";

pub(super) const DEPLOY: &str = "\
Examples:
  pushboat deploy v2 --wait                the image with this tag, followed to its end
  pushboat deploy pushboat/game-2048 sha256:<64 hex digits>
  pushboat deploy v2 --dry-run             what that would write
  pushboat deploy v2 --from game-2048:7    only if the service is still there

Where another image is followed, this one stays until the next push, or until `pushboat resume`.";

pub(super) const ROLLBACK: &str = "\
Examples:
  pushboat rollback --wait                 to the last good release, followed to its end
  pushboat rollback pushboat/game-2048 --to game-2048:7
  pushboat rollback --dry-run              what that would write

What is left is rejected: `pushboat release` lets it return.";

pub(super) const SCALE: &str = "\
Examples:
  pushboat scale --min 4 --for 2h --reason \"big sale\"
  pushboat scale game-2048 --desired 6 --until 2026-11-21T18:00:00Z
  pushboat scale --desired 6 --for 1h --from 4 --dry-run
  pushboat scale --max 20 --permanent      the bounds change, until somebody sets others
  pushboat scale --end                     the load decides again";

pub(super) const RUN: &str = "\
Examples:
  pushboat run -- --check                  the image that is in service, with another command
  pushboat run game-2048 --family game-2048-migrate --timeout 1h
  pushboat run --key release-41 -- --check once, however often it is asked for
  pushboat run --detach --output json -- --check | jq -r .task.id

Its log is standard output. A task that fails is status 4, whatever its own exit code; --output json has that.
ECS forgets a task about an hour after it has stopped.";

pub(super) const HOLD: &str = "\
Examples:
  pushboat hold --reason \"big sale\" --for 2h
  pushboat hold --cluster pushboat --reason \"moving house\"
  pushboat hold --lift --wait              what is due is released, and followed to its end";

pub(super) const RELEASE: &str = "\
Examples:
  pushboat release 5c7b1d0a4e2f --wait     the first digits of a rejected digest are enough
  pushboat release pushboat/game-2048 sha256:<64 hex digits>";

pub(super) const RESUME: &str = "\
Examples:
  pushboat resume                          what a person deployed past Pushboat may be replaced
  pushboat resume pushboat/game-2048 --wait --timeout 30m";

pub(super) const CONTINUE: &str = "\
Examples:
  pushboat continue                        past the hook that the deployment waits at
  pushboat continue game-2048 --hook check --wait";

pub(super) const VERIFY: &str = "\
Examples:
  pushboat verify shop/cart                would the next roll-out of this service come to a good end?
  pushboat verify shop/cart --image cart:v2
  pushboat verify --task-definition cart:7
  pushboat verify shop/cart --output json | jq -r '.findings[] | select(.verdict == \"wrong\") | .why'

AWS is asked directly, with your own credentials, and only reads. What it does not let you see is unknown.";

pub(super) const ADOPT: &str = "\
Examples:
  pushboat adopt shop/cart --track cart:live
  pushboat adopt shop/cart --track app=cart:semver/1 --capacity 2-10 --load cpu/60 --max-severity high
  pushboat adopt shop/cart --track cart:live --dry-run
  pushboat adopt shop/cart --undo          it is left alone from then on, and runs on as it is

The tags are written on the ECS service and nowhere else.";

pub(super) const DOCTOR: &str = "\
Examples:
  pushboat doctor                          the stack pushboat
  pushboat doctor --stack pushboat-shop --profile prod
  pushboat doctor --output json | jq -r '.findings[] | select(.verdict != \"ok\") | .subject'

Status 0 where nothing is wrong, 3 where something is.";

pub(super) const COMPLETIONS: &str = "\
Examples:
  source <(pushboat completions bash)
  pushboat completions zsh > ~/.zfunc/_pushboat
  pushboat completions fish > ~/.config/fish/completions/pushboat.fish";

pub(super) const MAN: &str = "\
Examples:
  pushboat man | man -l -
  pushboat man --dir ~/.local/share/man/man1";
