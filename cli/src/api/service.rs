//! Which service somebody means.

use std::fmt;

use super::Trouble;
use super::answers::Service;

/// `<cluster>/<service>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) cluster: String,
    pub(crate) service: String,
}

impl Name {
    pub(crate) fn of(service: &Service) -> Name {
        Name { cluster: service.cluster.clone(), service: service.service.clone() }
    }

    /// `cluster/service`, as it was typed; `None` where only a service is named.
    pub(crate) fn whole(typed: &str) -> Result<Option<Name>, Trouble> {
        let Some((cluster, service)) = typed.split_once('/') else {
            check(typed)?;
            return Ok(None);
        };
        check(cluster)?;
        check(service)?;
        Ok(Some(Name { cluster: cluster.to_owned(), service: service.to_owned() }))
    }

    /// Of the service itself.
    pub(crate) fn own_path(&self) -> String {
        format!("/services/{}/{}", self.cluster, self.service)
    }

    pub(crate) fn path(&self, call: &str) -> String {
        format!("{}/{call}", self.own_path())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.service)
    }
}

/// ECS's own rule, so that a name never has to be escaped in a path.
pub(crate) fn check(name: &str) -> Result<(), Trouble> {
    let allowed = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_');
    match (1..=255).contains(&name.len()) && name.bytes().all(allowed) {
        true => Ok(()),
        false => Err(Trouble::Usage(format!("'{name}' is no name of ECS: letters, digits, '-' and '_'"))),
    }
}

/// Of the services that there are, the one that was typed, or the only one.
pub(crate) fn resolve<'a>(typed: Option<&str>, services: &'a [Service]) -> Result<&'a Service, Trouble> {
    let names = |services: &mut dyn Iterator<Item = &Service>| -> Vec<String> {
        services.map(|it| Name::of(it).to_string()).collect()
    };
    let whole = typed.map(Name::whole).transpose()?.flatten();
    let is_meant = |it: &&Service| match (&whole, typed) {
        (Some(whole), _) => *whole == Name::of(it),
        (None, Some(service)) => it.service == service,
        (None, None) => true,
    };
    let mut meant = services.iter().filter(is_meant);
    match (meant.next(), meant.next(), typed) {
        (Some(one), None, _) => Ok(one),
        (None, ..) if services.is_empty() => Err(Trouble::NothingHandedOver),
        (None, ..) => Err(Trouble::NoSuchService {
            wanted: typed.unwrap_or_default().to_owned(),
            there_are: names(&mut services.iter()),
        }),
        (Some(_), Some(_), typed) => Err(Trouble::Ambiguous {
            what: typed
                .map_or_else(|| "the service, which was not named,".to_owned(), |it| format!("'{it}'")),
            candidates: names(&mut services.iter().filter(is_meant)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services(names: &[&str]) -> Vec<Service> {
        let service = |name: &&str| {
            let Name { cluster, service } = Name::whole(name).unwrap().unwrap();
            Service { cluster, service, ..Service::default() }
        };
        names.iter().map(service).collect()
    }

    #[test]
    fn a_service_is_named_whole_or_clearly_or_not_at_all() {
        let all = services(&["demo/web", "prod/web", "prod/worker"]);
        let name = |typed| resolve(typed, &all).map(|it| Name::of(it).to_string());
        assert_eq!(name(Some("prod/web")).unwrap(), "prod/web");
        assert_eq!(name(Some("worker")).unwrap(), "prod/worker");
        let trouble = name(Some("web")).unwrap_err();
        assert_eq!(trouble.exit_status(), 2);
        assert_eq!(trouble.to_string(), "'web' may be any of these:\n  demo/web\n  prod/web");
        let trouble = name(None).unwrap_err();
        assert!(trouble.to_string().ends_with("demo/web\n  prod/web\n  prod/worker"), "{trouble}");
        let trouble = name(Some("demo/worker")).unwrap_err();
        assert_eq!(trouble.exit_status(), 3);
        assert!(trouble.to_string().contains("no service demo/worker"), "{trouble}");
        for wrong in ["a/b/c", "", "/web", "prod/", "../web", "prod/we b", "prod/%2e"] {
            assert_eq!(name(Some(wrong)).unwrap_err().exit_status(), 2, "{wrong}");
        }
    }

    #[test]
    fn where_there_is_one_it_need_not_be_named() {
        let one = services(&["prod/web"]);
        assert_eq!(Name::of(resolve(None, &one).unwrap()).to_string(), "prod/web");
        assert!(matches!(resolve(None, &[]), Err(Trouble::NothingHandedOver)));
        assert!(matches!(resolve(Some("web"), &[]), Err(Trouble::NothingHandedOver)));
    }
}
