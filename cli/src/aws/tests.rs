//! Answers in the shape that AWS gives them, and what is read of them.

use pushboat::checklist::balancer::{Matcher, TargetGroup};
use pushboat::checklist::network::{Permission, SecurityGroup};

use super::ec2::{security_group, table_of, way_out};
use super::elbv2::{delay, target_group};
use super::iam::decision;
use super::xml;
use pushboat::checklist::permissions::Decision;

mod wire;

#[test]
fn a_security_group_with_ports_groups_and_ranges() {
    let answer = xml::read(
        r#"<DescribeSecurityGroupsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId>
        <securityGroupInfo><item><ownerId>123456789012</ownerId><groupId>sg-tasks</groupId><groupName>tasks</groupName>
          <ipPermissions>
            <item><ipProtocol>tcp</ipProtocol><fromPort>1</fromPort><toPort>65535</toPort>
              <groups><item><userId>123456789012</userId><groupId>sg-lb</groupId><description>From the load balancer</description></item></groups>
              <ipRanges/><ipv6Ranges/><prefixListIds/></item>
            <item><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><groups/>
              <ipRanges><item><cidrIp>10.0.0.0/8</cidrIp></item></ipRanges>
              <ipv6Ranges><item><cidrIpv6>::/0</cidrIpv6></item></ipv6Ranges><prefixListIds/></item>
          </ipPermissions>
          <ipPermissionsEgress><item><ipProtocol>-1</ipProtocol><groups/>
            <ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges><ipv6Ranges/><prefixListIds/></item></ipPermissionsEgress>
        </item></securityGroupInfo></DescribeSecurityGroupsResponse>"#,
    )
    .unwrap();
    let [found] = xml::items(&answer, &["securityGroupInfo"]) else { panic!("{answer}") };
    let permission = |protocol: &str, ports, group: &str, cidr: &str, others| Permission {
        protocol: protocol.to_owned(),
        ports,
        groups: if group.is_empty() { Vec::new() } else { vec![group.to_owned()] },
        cidrs: if cidr.is_empty() { Vec::new() } else { vec![cidr.to_owned()] },
        others,
    };
    let expected = SecurityGroup {
        id: "sg-tasks".to_owned(),
        ingress: vec![
            permission("tcp", Some((1, 65_535)), "sg-lb", "", false),
            permission("tcp", Some((22, 22)), "", "10.0.0.0/8", true),
        ],
        egress: vec![permission("-1", None, "", "0.0.0.0/0", false)],
    };
    assert_eq!(security_group(found), expected);
}

#[test]
fn a_subnet_goes_where_its_own_table_says_or_the_main_one() {
    let answer = xml::read(
        r#"<DescribeRouteTablesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId><routeTableSet>
        <item><routeTableId>rtb-main</routeTableId><vpcId>vpc-1</vpcId>
          <routeSet><item><destinationCidrBlock>10.20.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId><state>active</state></item></routeSet>
          <associationSet><item><routeTableAssociationId>a</routeTableAssociationId><routeTableId>rtb-main</routeTableId><main>true</main></item></associationSet></item>
        <item><routeTableId>rtb-own</routeTableId><vpcId>vpc-1</vpcId>
          <routeSet><item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><natGatewayId>nat-old</natGatewayId><state>blackhole</state></item>
            <item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><gatewayId>igw-1</gatewayId><state>active</state></item></routeSet>
          <associationSet><item><routeTableId>rtb-own</routeTableId><subnetId>subnet-1</subnetId><main>false</main></item></associationSet></item>
        <item><routeTableId>rtb-other</routeTableId><vpcId>vpc-2</vpcId>
          <associationSet><item><main>true</main></item></associationSet></item>
        </routeTableSet></DescribeRouteTablesResponse>"#,
    )
    .unwrap();
    let tables = xml::items(&answer, &["routeTableSet"]);
    let way = |subnet: &str, vpc: &str| table_of(subnet, vpc, tables).map(way_out);
    assert_eq!(way("subnet-1", "vpc-1"), Some(Some("igw-1".to_owned())));
    assert_eq!(way("subnet-2", "vpc-1"), Some(None), "the main table has no way out");
    assert_eq!(way("subnet-9", "vpc-9"), None);
}

#[test]
fn a_target_group_with_its_attributes() {
    let answer = xml::read(
        r#"<DescribeTargetGroupsResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><DescribeTargetGroupsResult>
        <TargetGroups><member><TargetGroupArn>arn</TargetGroupArn><TargetGroupName>cart</TargetGroupName><Protocol>HTTP</Protocol>
          <Port>80</Port><VpcId>vpc-1</VpcId><HealthCheckProtocol>HTTP</HealthCheckProtocol><HealthCheckPort>traffic-port</HealthCheckPort>
          <HealthCheckIntervalSeconds>10</HealthCheckIntervalSeconds><HealthCheckTimeoutSeconds>5</HealthCheckTimeoutSeconds>
          <HealthyThresholdCount>2</HealthyThresholdCount><UnhealthyThresholdCount>3</UnhealthyThresholdCount>
          <HealthCheckPath>/health</HealthCheckPath><Matcher><HttpCode>200-299</HttpCode></Matcher>
          <LoadBalancerArns><member>lb-arn</member></LoadBalancerArns><TargetType>ip</TargetType></member></TargetGroups>
        </DescribeTargetGroupsResult></DescribeTargetGroupsResponse>"#,
    )
    .unwrap();
    let [found] = xml::items(&answer, &["DescribeTargetGroupsResult", "TargetGroups"]) else {
        panic!("{answer}")
    };
    let attributes = xml::read(
        "<R><Attributes><member><Key>stickiness.enabled</Key><Value>false</Value></member>\
         <member><Value>45</Value><Key>deregistration_delay.timeout_seconds</Key></member></Attributes></R>",
    );
    let expected = TargetGroup {
        target_type: "ip".to_owned(),
        protocol: "HTTP".to_owned(),
        load_balancer_arns: vec!["lb-arn".to_owned()],
        health_check_port: "traffic-port".to_owned(),
        health_check_path: Some("/health".to_owned()),
        matcher: Some(Matcher::Http("200-299".to_owned())),
        interval_seconds: Some(10.0),
        unhealthy_threshold: Some(3),
        deregistration_delay_seconds: Ok(Some(45)),
    };
    assert_eq!(target_group(found, Ok(delay(&attributes.unwrap()))), expected);
    let grpc = xml::read("<R><Matcher><GrpcCode>0-99</GrpcCode></Matcher></R>").unwrap();
    assert_eq!(target_group(&grpc, Ok(None)).matcher, Some(Matcher::Grpc("0-99".to_owned())));
}

#[test]
fn the_simulator_allows_denies_or_lacks_a_condition() {
    let answer = xml::read(
        r#"<R><EvaluationResults>
        <member><EvalActionName>ecr:BatchGetImage</EvalActionName><EvalDecision>allowed</EvalDecision><MatchedStatements/><MissingContextValues/></member>
        <member><EvalActionName>iam:PassRole</EvalActionName><EvalDecision>implicitDeny</EvalDecision>
          <MissingContextValues><member>iam:PassedToService</member></MissingContextValues></member>
        <member><EvalActionName>ecs:UpdateService</EvalActionName><EvalDecision>explicitDeny</EvalDecision>
          <MissingContextValues><member>ecs:cluster</member></MissingContextValues></member>
        <member><EvalActionName>ecs:TagResource</EvalActionName><EvalDecision>implicitDeny</EvalDecision></member>
        <member><EvalActionName>ecr:BatchGetImage</EvalActionName><EvalDecision>implicitDeny</EvalDecision>
          <MissingContextValues/><ResourceSpecificResults><member><EvalResourceName>*</EvalResourceName>
          <EvalResourceDecision>implicitDeny</EvalResourceDecision>
          <MissingContextValues><member>aws:ResourceAccount</member></MissingContextValues></member></ResourceSpecificResults></member>
        <member><EvalActionName>ecr:PutImage</EvalActionName><EvalDecision>explicitDeny</EvalDecision>
          <ResourceSpecificResults><member><EvalResourceDecision>explicitDeny</EvalResourceDecision><MissingContextValues/></member>
          </ResourceSpecificResults></member>
        </EvaluationResults></R>"#,
    )
    .unwrap();
    let decisions: Vec<_> =
        xml::items(&answer, &["EvaluationResults"]).iter().map(|it| decision(it).1).collect();
    use Decision::{Allowed, Denied, Depends};
    assert_eq!(decisions, [Allowed, Depends, Depends, Denied, Depends, Denied]);
}
