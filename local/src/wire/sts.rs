//! STS: who am I.

use super::form::Form;
use super::xml::Xml;
use super::{Caller, Wire};
use crate::world::Refusal;

pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

pub(super) fn call(wire: &Wire, caller: &Caller, operation: &str, _form: &Form) -> Result<String, Refusal> {
    if operation != "GetCallerIdentity" {
        return Err(Refusal::new(
            "InvalidAction",
            format!("{operation} is not an operation of STS here; known: GetCallerIdentity"),
        ));
    }
    let account = wire.hub.with(|world| world.settings.account.clone());
    let mut xml = Xml::new();
    xml.leaf("Arn", &caller.arn);
    xml.leaf("UserId", &caller.user_id);
    xml.leaf("Account", account);
    Ok(xml.finish())
}
