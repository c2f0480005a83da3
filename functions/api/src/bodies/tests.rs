use pushboat::rollback::To;
use serde_json::json;

use super::*;

fn read_whole(call: Call, query: &str, body: &str) -> Result<Asked, (u16, String)> {
    let payload = json!({
        "rawPath": "/",
        "rawQueryString": query,
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST"}, "requestId": "id-1="},
        "body": body,
    });
    let read = read(call, &Request::read(&payload).unwrap(), "ann");
    read.map_err(|problem| (problem.status(), problem.to_string()))
}

fn asked(call: Call, query: &str, body: &str) -> Result<Ask, (u16, String)> {
    read_whole(call, query, body).map(|it| it.ask)
}

#[test]
fn each_call_is_read_as_what_it_asks_for() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let digest_of = || digest.parse().unwrap();
    let wanted = |length| Wanted { length, by: "ann".into(), reason: "sale".into() };
    let for_two_hours = wanted(Length::For(hold::lasting("2h").unwrap()));
    let until = wanted(Length::Until("2026-11-21T18:00:00Z".parse().unwrap()));
    let named = |image| Ask::Deploy(deploy::Wanted { image, container: None });
    let once = |family: Option<&str>, container: Option<&str>, command: &[&str]| {
        Ask::Run(run::Wanted {
            family: family.map(str::to_owned),
            container: container.map(str::to_owned),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            client_token: "id-1=".into(),
        })
    };
    for (call, body, expected) in [
        (Call::Deploy, r#"{"tag": "v2"}"#.into(), named(Reference::Tag("v2".into()))),
        (
            Call::Deploy,
            json!({"digest": digest, "container": "side"}).to_string(),
            Ask::Deploy(deploy::Wanted {
                image: Reference::Digest(digest_of()),
                container: Some("side".into()),
            }),
        ),
        (Call::Rollback, String::new(), Ask::Rollback(None)),
        (Call::Rollback, r#"{"to": null}"#.into(), Ask::Rollback(None)),
        (Call::Rollback, r#"{"to": "game:7"}"#.into(), Ask::Rollback(Some(To::Revision("game:7".into())))),
        (Call::Rollback, json!({ "to": digest }).to_string(), Ask::Rollback(Some(To::Digest(digest_of())))),
        (Call::Release, json!({ "digest": digest }).to_string(), Ask::Release(digest_of())),
        (Call::Resume, "{}".into(), Ask::Resume),
        (Call::Continue, String::new(), Ask::Continue(None)),
        (Call::Continue, r#"{"hook": "h"}"#.into(), Ask::Continue(Some("h".into()))),
        (Call::Hold, r#"{"reason": "sale"}"#.into(), Ask::Hold(wanted(Length::UntilLifted))),
        (Call::Hold, r#"{"reason": "sale", "for": "2h"}"#.into(), Ask::Hold(for_two_hours)),
        (
            Call::HoldCluster,
            r#"{"until": "2026-11-21T19:00:00+01:00", "reason": "sale"}"#.into(),
            Ask::HoldCluster(until),
        ),
        (Call::Unhold, String::new(), Ask::Unhold),
        (Call::Unscale, String::new(), Ask::Unscale),
        (
            Call::Scale,
            r#"{"min": 4, "for": "2h", "reason": "sale"}"#.into(),
            Ask::Scale(temporary::Wanted {
                which: Which::Min,
                count: 4,
                length: Length::For(hold::lasting("2h").unwrap()),
                by: "ann".into(),
                reason: "sale".into(),
            }),
        ),
        (
            Call::Scale,
            r#"{"max": 9, "permanent": true, "reason": "sale"}"#.into(),
            Ask::Rebound(Rebound { min: None, max: Some(9), by: "ann".into(), reason: "sale".into() }),
        ),
        (
            Call::Scale,
            r#"{"min": 4, "max": 9, "permanent": true, "reason": "sale"}"#.into(),
            Ask::Rebound(Rebound { min: Some(4), max: Some(9), by: "ann".into(), reason: "sale".into() }),
        ),
        (Call::UnholdCluster, String::new(), Ask::UnholdCluster),
        (Call::Run, String::new(), once(None, None, &[])),
        (
            Call::Run,
            r#"{"family": "game-job", "container": "job", "command": ["migrate", "--all"]}"#.into(),
            once(Some("game-job"), Some("job"), &["migrate", "--all"]),
        ),
    ] {
        assert_eq!(asked(call, "X-Amz-Signature=0", &body), Ok(expected), "{call:?} {body}");
    }
}

#[test]
fn each_call_may_be_tried_and_may_say_what_it_replaces() {
    for (call, members) in [
        (Call::Rollback, json!({})),
        (Call::Release, json!({"digest": format!("sha256:{}", "ab".repeat(32))})),
        (Call::Resume, json!({})),
        (Call::Deploy, json!({"tag": "v2"})),
        (Call::Continue, json!({})),
        (Call::Hold, json!({"reason": "sale"})),
        (Call::Unhold, json!({})),
        (Call::Scale, json!({"min": 2, "for": "1h"})),
        (Call::Unscale, json!({})),
        (Call::Run, json!({"command": ["--check"]})),
    ] {
        let plain = read_whole(call, "", &members.to_string()).unwrap();
        assert_eq!((plain.dry_run, &plain.from), (false, &None), "{call:?}");
        let mut body = members.clone();
        body["dry_run"] = json!(true);
        for (from, expected) in
            [(json!("game:7"), From::Release("game:7".into())), (json!(4), From::Count(4))]
        {
            body["from"] = from;
            let tried = read_whole(call, "", &body.to_string()).unwrap();
            assert_eq!((tried.dry_run, tried.from), (true, Some(expected)), "{call:?}");
            assert_eq!(tried.ask, plain.ask, "{call:?}");
        }
    }
}

#[test]
fn what_nobody_understands_is_never_guessed() {
    for (call, query, body, says) in [
        (Call::Rollback, "dry_run=true", "", "no query parameters"),
        (Call::Rollback, "", r#"{"dry_run": 1}"#, "invalid type"),
        (Call::Rollback, "", r#"{"from": -1}"#, "did not match any variant"),
        (Call::HoldCluster, "", r#"{"reason": "x", "from": 2}"#, "from: a cluster"),
        (Call::Rollback, "", r#"{"to": 7}"#, "invalid type"),
        (Call::Rollback, "", r#"{"to": "v1"}"#, "to: a release is named by"),
        (Call::Deploy, "", "", "tag or digest"),
        (Call::Deploy, "", r#"{"tag": ""}"#, "tag or digest"),
        (Call::Deploy, "", r#"{"tag": "v1", "digest": "sha256:ab"}"#, "tag or digest"),
        (Call::Deploy, "", r#"{"digest": "sha256:ab"}"#, "sha256:<64 hex>"),
        (Call::Release, "", "", "missing field `digest`"),
        (Call::Release, "", r#"{"digest": "sha256:ab"}"#, "sha256:<64 hex>"),
        (Call::Resume, "", r#"{"to": "game:7"}"#, "unknown field `to`"),
        (Call::Continue, "", r#"{"hook": "a", "hook": "b"}"#, "duplicate field"),
        (Call::Hold, "", "", "missing field `reason`"),
        (Call::Hold, "", r#"{"reason": "x", "for": "a while"}"#, "for: how long"),
        (Call::Hold, "", r#"{"reason": "x", "for": 7200}"#, "invalid type"),
        (Call::Hold, "", r#"{"reason": "x", "until": "tomorrow"}"#, "until: a time"),
        (Call::Hold, "", r#"{"reason": "x", "for": "1h", "until": "2026-11-21T18:00:00Z"}"#, "not both"),
        (Call::Unhold, "", r#"{"reason": "x"}"#, "unknown field"),
        (Call::Scale, "", "", "one of desired, min and max"),
        (Call::Scale, "", r#"{"min": 2, "max": 4, "for": "1h"}"#, "one of desired, min and max"),
        (Call::Scale, "", r#"{"desired": -1, "for": "1h"}"#, "invalid value"),
        (Call::Scale, "", r#"{"desired": 2.5, "for": "1h"}"#, "invalid type"),
        (Call::Scale, "", r#"{"desired": 2, "for": "soon"}"#, "for: how long"),
        (Call::Scale, "", r#"{"desired": 2}"#, "say for how long"),
        (Call::Scale, "", r#"{"desired": 0, "for": "1h"}"#, "a count is 1 to 5000"),
        (Call::Scale, "", r#"{"desired": 2, "for": "1h", "permanent": true}"#, "one of them"),
        (Call::Scale, "", r#"{"desired": 5001, "permanent": true}"#, "a count is 1 to 5000"),
        (Call::Scale, "", r#"{"desired": 4, "max": 9, "permanent": true}"#, "or min, max or both"),
        (Call::Scale, "", r#"{"permanent": true}"#, "or min, max or both"),
        (Call::Scale, "", r#"{"desired": 2, "permanent": false}"#, "say for how long"),
        (Call::Run, "", r#"{"command": []}"#, "what is to be run"),
        (Call::Run, "", r#"{"command": "migrate"}"#, "invalid type"),
        (Call::Run, "", r#"{"family": "game:7"}"#, "family: letters"),
        (Call::Run, "", r#"{"container": ""}"#, "container: letters"),
        (Call::Run, "", r#"{"environment": {"A": "b"}}"#, "unknown field"),
    ] {
        let (status, detail) = asked(call, query, body).unwrap_err();
        assert!(status == 400 && detail.contains(says), "{call:?} {body}: {status} {detail}");
    }
}

#[test]
fn a_key_is_what_ecs_takes_for_one() {
    let long = "k".repeat(65);
    for (key, expected) in [
        (Some("deploy-41/migrate"), Some("deploy-41/migrate")),
        (None, Some("id-1=")),
        (Some(""), None),
        (Some("two words"), None),
        (Some("clé"), None),
        (Some(long.as_str()), None),
    ] {
        let payload = json!({
            "rawPath": "/", "headers": {"idempotency-key": key},
            "requestContext": {"http": {"method": "POST"}, "requestId": "id-1="},
        });
        let read = read(Call::Run, &Request::read(&payload).unwrap(), "ann");
        match (read, expected) {
            (Ok(Asked { ask: Ask::Run(wanted), .. }), Some(expected)) => {
                assert_eq!(wanted.client_token, expected)
            }
            (Err(Problem::BadKey), None) => {}
            (read, _) => panic!("{key:?}: {read:?}"),
        }
    }
}
