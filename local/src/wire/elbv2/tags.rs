//! Tags: ELB writes them as a list of `Key` and `Value`.

use super::{invalid, required};
use crate::wire::form::Form;
use crate::wire::xml::Xml;
use crate::world::elb::Tags;
use crate::world::{Refusal, World};

/// `Tags.member.1.Key` and so on; no tags are fine.
pub(super) fn read(form: &Form) -> Result<Tags, Refusal> {
    let mut tags = Tags::new();
    for number in 1.. {
        let Some(key) = form.get(&format!("Tags.member.{number}.Key")) else {
            break;
        };
        let value = form.get(&format!("Tags.member.{number}.Value")).unwrap_or_default();
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Refusal::new("DuplicateTagKeys", format!("The tag key '{key}' is given twice")));
        }
    }
    Ok(tags)
}

pub(super) fn add(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    let arns = resources(form)?;
    required(form, "Tags.member.1.Key")?;
    world.add_elb_tags(&arns, &read(form)?)?;
    Ok(Xml::new())
}

pub(super) fn remove(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    let arns = resources(form)?;
    required(form, "TagKeys.member.1")?;
    world.remove_elb_tags(&arns, &form.list("TagKeys"))?;
    Ok(Xml::new())
}

pub(super) fn describe(world: &mut World, form: &Form) -> Result<Xml, Refusal> {
    let mut tagged = Vec::new();
    for arn in resources(form)? {
        tagged.push((arn, world.elb_tags(arn)?));
    }
    let mut xml = Xml::new();
    xml.list("TagDescriptions", tagged, |xml, (arn, tags)| {
        xml.leaf("ResourceArn", arn);
        xml.list("Tags", tags, |xml, (key, value)| {
            xml.leaf("Key", key);
            xml.leaf("Value", value);
        });
    });
    Ok(xml)
}

fn resources(form: &Form) -> Result<Vec<&str>, Refusal> {
    let arns = form.list("ResourceArns");
    match arns.is_empty() {
        true => Err(invalid("ResourceArns must be given.")),
        false => Ok(arns),
    }
}
