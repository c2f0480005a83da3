//! Which image does a service run now? Asked by the template, so that a stack update registers the task definition
//! with the live image and not with the one that the stack was created with.
//!
//! What is live is what the newest successful roll-out left behind. An image that is rolling out may still fail, one
//! that was rolled back must not return.

use crate::cloud::{Answer, Cloud, Trouble};
use crate::model::{Outcome, Rollout, ServiceName, ServiceStatus};
use crate::task_definition::{ImageName, TaskDefinition};

/// What the template wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub service: ServiceName,
    pub container: String,
    /// The repository's URI: an image of any other is not the owner's.
    pub repository_uri: String,
    /// The answer while there is nothing better.
    pub placeholder: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub image: String,
    pub why: String,
}

/// Looks and answers. A cluster or service that is not there is an answer too.
pub async fn find<C: Cloud>(cloud: &C, question: &Question) -> Answer<Live> {
    let service = match cloud.service(&question.service).await {
        Ok(Some(service)) if service.status != ServiceStatus::Inactive => service,
        Ok(_) => return Ok(question.nothing_there()),
        Err(error) if error.trouble == Trouble::NotFound => return Ok(question.nothing_there()),
        Err(error) => return Err(error),
    };
    let history = match cloud.rollouts(&question.service).await {
        Ok(history) => history,
        Err(error) if error.trouble == Trouble::NotFound => return Ok(question.nothing_there()),
        Err(error) => return Err(error),
    };
    if let Some(live) = of_history(question, &history) {
        return Ok(live);
    }
    let definition = cloud.task_definition(&service.task_definition_arn).await?;
    Ok(of_definition(question, &definition, &history))
}

/// The image of the newest roll-out that succeeded with this container.
pub fn of_history(question: &Question, history: &[Rollout]) -> Option<Live> {
    let succeeded = history.iter().filter(|rollout| rollout.outcome == Outcome::Successful);
    let image =
        succeeded.flat_map(|rollout| &rollout.images).find(|it| it.container == question.container)?;
    let why = format!("the newest successful roll-out of {} runs it", question.service);
    Some(question.owned(&image.image, image.ran().as_ref(), why))
}

/// For a service without a success in its history: it is older than the history, or the history is full of failures
/// since, and then ECS is back at what ran before.
pub fn of_definition(question: &Question, definition: &TaskDefinition, history: &[Rollout]) -> Live {
    let image = match definition.container(Some(&question.container), "") {
        Ok((_, image)) => image,
        Err(error) => return question.placeholder(error),
    };
    let resolved = history
        .iter()
        .find(|rollout| rollout.task_definition_arn == definition.arn)
        .and_then(|rollout| rollout.ran(&question.container));
    let why = format!("no roll-out in the history succeeded; {} names it", definition.arn);
    question.owned(&image.to_string(), image.digest.as_ref().or(resolved.as_ref()), why)
}

impl Question {
    /// By digest where it is known, if it is of the owner's repository at all.
    fn owned(&self, image: &str, digest: Option<&crate::model::Digest>, why: String) -> Live {
        let name = ImageName::parse(image).name;
        if name != self.repository_uri {
            let (container, uri) = (&self.container, &self.repository_uri);
            return self
                .placeholder(format!("the container '{container}' runs {name}, which is not of {uri}"));
        }
        let image = digest.map_or_else(|| image.to_owned(), |digest| format!("{name}@{digest}"));
        Live { image, why }
    }

    fn nothing_there(&self) -> Live {
        self.placeholder(format!("there is no service {}", self.service))
    }

    fn placeholder(&self, why: impl ToString) -> Live {
        Live { image: self.placeholder.clone(), why: why.to_string() }
    }
}

#[cfg(test)]
mod tests;
