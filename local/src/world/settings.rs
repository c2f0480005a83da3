//! Where the world is and how fast its tasks move.

/// The account, region and zones of the world.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub account: String,
    pub region: String,
    pub zones: Vec<String>,
    /// Host and port under which images are pushed and named in task definitions.
    pub registry_host: String,
    /// Everything that looks random follows from it.
    pub seed: u64,
    /// Whether `ECS Task State Change` goes out. A simulation in which nobody listens is spared most of its work.
    pub tells_of_tasks: bool,
    pub timing: TaskTiming,
    /// Requests are counted and refused as AWS does.
    pub limits: bool,
    pub cloudwatch: super::cloudwatch::Settings,
}

/// How long a task stays in the states that need nothing from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaskTiming {
    pub provisioning_millis: i64,
    pub deprovisioning_millis: i64,
    /// How long a stopped task can still be described. AWS: about an hour.
    pub remember_stopped_seconds: i64,
    /// A service whose tasks keep failing starts them more and more slowly, up to this. AWS: 15 minutes.
    pub longest_restart_delay_seconds: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            zones: vec!["eu-central-1a".into(), "eu-central-1b".into()],
            registry_host: "123456789012.dkr.ecr.eu-central-1.amazonaws.com".into(),
            seed: 2048,
            tells_of_tasks: true,
            timing: TaskTiming {
                provisioning_millis: 300,
                deprovisioning_millis: 200,
                remember_stopped_seconds: 3_600,
                longest_restart_delay_seconds: 900,
            },
            limits: true,
            cloudwatch: super::cloudwatch::Settings::default(),
        }
    }
}
