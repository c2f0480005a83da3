//! EC2: subnets with the way out of each, security groups, VPC endpoints.

use std::collections::BTreeSet;

use pushboat::checklist::network::{Permission, SecurityGroup, Subnet};
use pushboat::checklist::{Known, NotKnown};
use serde_json::Value;

use super::account::Account;
use super::ask::{EC2, Refusal};
use super::xml::{items, text};

impl Account {
    async fn described(
        &self,
        operation: &str,
        list: &str,
        members: &[(String, String)],
    ) -> Result<Vec<Value>, Refusal> {
        let (mut all, mut next) = (Vec::new(), String::new());
        loop {
            let mut form: Vec<(&str, &str)> =
                members.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            if !next.is_empty() {
                form.push(("NextToken", &next));
            }
            let answer = self.query(EC2, operation, &form).await?;
            all.extend(items(&answer, &[list]).iter().cloned());
            next = text(&answer, "nextToken");
            if next.is_empty() {
                return Ok(all);
            }
        }
    }

    /// With the VPC of the first.
    pub(crate) async fn subnets(&self, ids: &[String]) -> Known<(Vec<Subnet>, String)> {
        let found = self.described("DescribeSubnets", "subnetSet", &numbered("SubnetId", ids)).await?;
        let vpc = found.first().map(|it| text(it, "vpcId")).unwrap_or_default();
        let in_vpc = filter("vpc-id", &vpc);
        let tables = self.described("DescribeRouteTables", "routeTableSet", &in_vpc).await;
        let endpoints = self.described("DescribeVpcEndpoints", "vpcEndpointSet", &in_vpc).await;
        let tables = tables.map_err(NotKnown::from);
        let endpoints = endpoints.unwrap_or_default();
        let subnet = |found: &Value| {
            let id = text(found, "subnetId");
            let table = tables.as_ref().map(|tables| table_of(&id, &vpc, tables));
            Subnet {
                zone: text(found, "availabilityZone"),
                reaches_s3: table
                    .is_ok_and(|it| it.is_some_and(|table| has_gateway_to_s3(table, &endpoints))),
                way_out: match table {
                    Ok(Some(table)) => Ok(way_out(table)),
                    Ok(None) => Err(NotKnown("EC2 tells of no route table for it".to_owned())),
                    Err(not_known) => Err(not_known.clone()),
                },
                id,
            }
        };
        Ok((found.iter().map(subnet).collect(), vpc))
    }

    /// Of the subnets that a load balancer is in.
    pub(crate) async fn ranges(&self, subnets: &[String]) -> Known<Vec<String>> {
        let found = self.described("DescribeSubnets", "subnetSet", &numbered("SubnetId", subnets)).await?;
        Ok(found.iter().map(|it| text(it, "cidrBlock")).collect())
    }

    pub(crate) async fn security_groups(&self, ids: &[String]) -> Known<Vec<SecurityGroup>> {
        let members = numbered("GroupId", ids);
        let found = self.described("DescribeSecurityGroups", "securityGroupInfo", &members).await?;
        Ok(found.iter().map(security_group).collect())
    }

    /// Of a VPC: the ends of their services' names, `ecr.api` of `com.amazonaws.eu-central-1.ecr.api`.
    pub(crate) async fn endpoints(&self, vpc: &str) -> Known<BTreeSet<String>> {
        let found = self.described("DescribeVpcEndpoints", "vpcEndpointSet", &filter("vpc-id", vpc)).await?;
        let there =
            found.iter().filter(|it| text(it, "vpcId") == vpc && text(it, "vpcEndpointType") == "Interface");
        let name = |it: &Value| {
            let service = text(it, "serviceName");
            let (_, end) = service.split_once(&format!(".{}.", self.region()))?;
            Some(if end == "s3" { "s3-interface".to_owned() } else { end.to_owned() })
        };
        Ok(there.filter_map(name).collect())
    }
}

fn numbered(name: &str, values: &[String]) -> Vec<(String, String)> {
    (1..).zip(values).map(|(number, value)| (format!("{name}.{number}"), value.clone())).collect()
}

fn filter(name: &str, value: &str) -> Vec<(String, String)> {
    vec![("Filter.1.Name".to_owned(), name.to_owned()), ("Filter.1.Value.1".to_owned(), value.to_owned())]
}

/// Its own, or the main one of its VPC.
pub(super) fn table_of<'a>(subnet: &str, vpc: &str, tables: &'a [Value]) -> Option<&'a Value> {
    let is_associated = |table: &&Value, wanted: &dyn Fn(&Value) -> bool| {
        text(table, "vpcId") == vpc && items(table, &["associationSet"]).iter().any(wanted)
    };
    let own = tables.iter().find(|it| is_associated(it, &|it| text(it, "subnetId") == subnet));
    own.or_else(|| tables.iter().find(|it| is_associated(it, &|it| text(it, "main") == "true")))
}

/// A route to something that was deleted is a black hole.
pub(super) fn way_out(table: &Value) -> Option<String> {
    let is_default = |route: &&Value| {
        text(route, "destinationCidrBlock") == "0.0.0.0/0" && text(route, "state") != "blackhole"
    };
    let route = items(table, &["routeSet"]).iter().find(is_default)?;
    let ends = [
        "natGatewayId",
        "gatewayId",
        "transitGatewayId",
        "networkInterfaceId",
        "instanceId",
        "vpcPeeringConnectionId",
    ];
    ends.iter().map(|name| text(route, name)).find(|it| !it.is_empty())
}

fn has_gateway_to_s3(table: &Value, endpoints: &[Value]) -> bool {
    let id = text(table, "routeTableId");
    endpoints.iter().any(|it| {
        text(it, "serviceName").ends_with(".s3")
            && items(it, &["routeTableIdSet"]).iter().any(|table| table.as_str() == Some(&id))
    })
}

pub(super) fn security_group(found: &Value) -> SecurityGroup {
    let permissions = |list: &str| items(found, &[list]).iter().map(permission).collect();
    SecurityGroup {
        id: text(found, "groupId"),
        ingress: permissions("ipPermissions"),
        egress: permissions("ipPermissionsEgress"),
    }
}

fn permission(found: &Value) -> Permission {
    let port = |name: &str| text(found, name).parse::<u16>().ok();
    let each =
        |list: &str, name: &str| items(found, &[list]).iter().map(|it| text(it, name)).collect::<Vec<_>>();
    Permission {
        protocol: text(found, "ipProtocol"),
        ports: port("fromPort").zip(port("toPort")),
        groups: each("groups", "groupId"),
        cidrs: each("ipRanges", "cidrIp"),
        others: ["ipv6Ranges", "prefixListIds"].iter().any(|list| !items(found, &[list]).is_empty()),
    }
}
