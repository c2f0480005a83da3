//! How the command finds the API and is let in, and what it makes of answers that are none.

use pushboat_tests::inbox::Inbox;
use pushboat_tests::{Wishes, function_binaries, place};
use serde_json::json;

use super::person::{Person, Said};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_with_what_the_aws_cli_would_use_is_let_in_and_nobody_sees_the_key() {
    let local = place(Wishes { tasks: 1, ..Wishes::default() }).await.unwrap();
    let at = &local.addresses;
    let (id, secret) = (at.access_key_id.as_str(), at.secret_access_key.as_str());
    let keys = [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret), ("AWS_REGION", "eu-central-1")];
    let shows_no_key = |said: &Said| {
        let all = format!("{}{}", said.out, said.aside);
        assert!(!all.contains(id) && !all.contains(secret), "{all}");
    };

    let in_environment = Person::new().with(&keys).with(&[("PUSHBOAT_URL", &at.api)]);
    let said = in_environment.told(0, &["status", "-v"]).await;
    assert!(said.aside.contains(&format!("GET {}/services -> 200", at.api)), "{}", said.aside);
    shows_no_key(&said);

    let with_profile = Person::new();
    let folder = with_profile.home.path().join(".aws");
    std::fs::create_dir(&folder).unwrap();
    let credentials = format!("[ops]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    std::fs::write(folder.join("credentials"), credentials).unwrap();
    std::fs::write(folder.join("config"), "[profile ops]\nregion = eu-central-1\n").unwrap();
    with_profile.told(0, &["status", "--url", &at.api, "--profile", "ops"]).await;
    let without = with_profile.told(2, &["status", "--url", &at.api, "--region", "eu-central-1"]).await;
    assert!(without.aside.contains("no AWS credentials"), "{}", without.aside);

    for (wrong, value, ending) in [
        ("AWS_SECRET_ACCESS_KEY", "a guess", "…OCAL"),
        ("AWS_ACCESS_KEY_ID", "AKIASOMEBODY", "…BODY"),
        ("AWS_REGION", "us-east-1", "for us-east-1"),
    ] {
        let person = Person::new().with(&keys).with(&[("PUSHBOAT_URL", &at.api), (wrong, value)]);
        let said = person.told(3, &["status", "-v"]).await;
        assert!(
            said.aside.contains("let nobody through (403)") && said.aside.contains(ending),
            "{}",
            said.aside
        );
        shows_no_key(&said);
        assert!(!said.aside.contains("a guess"), "{}", said.aside);
    }
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_says_where_its_api_is() {
    let local = place(Wishes { tasks: 1, ..Wishes::default() }).await.unwrap();
    let (at, cloudformation) = (&local.addresses, Inbox::open().await);
    let person = Person::new().with(&[
        ("AWS_ACCESS_KEY_ID", &at.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &at.secret_access_key),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL_CLOUDFORMATION", &cloudformation.url()),
    ]);
    let answer = |key: &str| {
        format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><Outputs><member><OutputKey>{key}</OutputKey>\
             <OutputValue>{}</OutputValue></member></Outputs></member></Stacks></DescribeStacksResult>\
             </DescribeStacksResponse>",
            at.api
        )
    };
    cloudformation.answer_next(200, &answer("ApiAddress"));
    let said = person.told(0, &["status", "--stack", "my-stack"]).await;
    assert!(said.out.contains("pushboat/game-2048"), "{}", said.out);
    let asked = cloudformation.take().remove(0);
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/"));
    assert_eq!(asked.body, "Action=DescribeStacks&Version=2010-05-15&StackName=my-stack");
    let signature = asked.headers["authorization"].to_str().unwrap();
    assert!(signature.contains("/eu-central-1/cloudformation/aws4_request"), "{signature}");

    cloudformation.answer_next(200, &answer("Address"));
    assert!(person.told(3, &["status", "--stack", "x"]).await.aside.contains("no output ApiAddress"));
    let refusal =
        "<ErrorResponse><Error><Message>Stack with id x does not exist</Message></Error></ErrorResponse>";
    cloudformation.answer_next(400, refusal);
    assert!(
        person.told(3, &["status", "--stack", "x"]).await.aside.contains("Stack with id x does not exist")
    );
    local.shutdown().await;
}

/// Answers that no API of this version gives.
#[tokio::test]
async fn an_api_that_is_busy_older_or_none_is_understood() {
    tokio::task::spawn_blocking(function_binaries).await.unwrap().unwrap();
    let inbox = Inbox::open().await;
    let person = Person::new().with(&[("PUSHBOAT_URL", &inbox.url()), ("PUSHBOAT_TOKEN", "tell-nobody")]);
    let services = |names: &[&str]| {
        let service = |name: &&str| json!({"cluster": name, "service": "web", "what_is_new": [1]});
        json!({"services": names.iter().map(service).collect::<Vec<_>>()}).to_string()
    };

    inbox.answer_next(503, "");
    inbox.answer_next(429, r#"{"message": "Too Many Requests"}"#);
    inbox.answer_next(200, &services(&["prod"]));
    assert!(person.told(0, &["status"]).await.out.contains("prod/web"));
    let asked = inbox.take();
    assert_eq!(
        (asked.len(), &asked[0].headers["authorization"]),
        (3, &"Bearer tell-nobody".parse().unwrap())
    );

    inbox.answer_next(200, &services(&["prod", "demo"]));
    let said = person.told(2, &["rollback", "web", "-v"]).await;
    assert!(
        said.aside.contains("prod/web\n  demo/web") && !said.aside.contains("tell-nobody"),
        "{}",
        said.aside
    );

    inbox.answer_next(200, &services(&[]));
    assert!(person.told(3, &["rollback"]).await.aside.contains("no service has been handed to Pushboat"));
    inbox.answer_next(200, &services(&[]));
    assert!(person.told(0, &["status"]).await.out.contains("pushboat:track"));

    inbox.answer_next(404, r#"{"message": "Not Found"}"#);
    let said = person.told(3, &["scale", "prod/web", "--end"]).await;
    assert!(
        said.aside.contains("does not know DELETE /services/prod/web/scale: it is older"),
        "{}",
        said.aside
    );
    inbox.answer_next(500, r#"{"message": "Internal Server Error"}"#);
    assert!(person.told(1, &["status"]).await.aside.contains("(500): Internal Server Error"));
    inbox.answer_next(200, "<html>");
    assert!(person.told(1, &["status"]).await.aside.contains("it sent no JSON"));
    inbox.answer_next(200, r#"{"decisions": [{"decision": "failed", "reason": "AWS refused"}]}"#);
    assert!(person.told(1, &["resume", "prod/web"]).await.aside.contains("AWS refused"));
    assert_eq!(inbox.take().last().unwrap().target, "/services/prod/web/resume");
}
