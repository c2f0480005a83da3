//! Load balancers as the world creates and deletes them, each at a port of its own.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::balancer::{Address, Addresses, Listeners};
use crate::hub::Hub;
use crate::world::elb::{CreateListener, HealthCheck, Tags};
use crate::world::{Effect, Settings, World};

struct Desk {
    hub: Hub,
    effects: UnboundedReceiver<Effect>,
    addresses: Addresses,
    listeners: Listeners,
}

impl Desk {
    fn new() -> Desk {
        let (hub, effects) = Hub::new(World::new(Settings::default(), Hub::now()));
        let addresses = Addresses::default();
        let listeners = Listeners::start(hub.clone(), addresses.clone());
        Desk { hub, effects, addresses, listeners }
    }

    /// A load balancer with its listener; its ARN, the target group's, and where it is reached.
    fn create(&mut self, name: &str) -> (String, String, SocketAddr) {
        let address = Address::reserve(0).unwrap();
        let at = address.get();
        let (arn, group) = self.hub.with(|world| {
            let check = HealthCheck::default();
            let made = world.create_load_balancer_with_listener(name, &at.to_string(), 80, check, 5).unwrap();
            self.addresses.keep(&made.0, address);
            made
        });
        self.carry_out();
        (arn, group, at)
    }

    fn carry_out(&mut self) {
        while let Ok(effect) = self.effects.try_recv() {
            if let Effect::Listener(change) = effect {
                self.listeners.changes().put(change);
            }
        }
    }
}

/// The first line of the answer, or nothing where no connection is taken.
async fn status_line(at: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(at).await.ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.ok()?;
    text.lines().next().map(str::to_owned)
}

async fn until(at: SocketAddr, wanted: Option<&str>) {
    for _ in 0..200 {
        if status_line(at).await.as_deref() == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{at} never answers {wanted:?}");
}

/// A load balancer without targets answers this.
const SERVES: Option<&str> = Some("HTTP/1.1 503 Service Unavailable");

#[tokio::test]
async fn each_load_balancer_serves_at_its_own_port_until_it_is_deleted() {
    let mut desk = Desk::new();
    let (first, group, at) = desk.create("first");
    let (_, _, other) = desk.create("second");
    until(at, SERVES).await;
    until(other, SERVES).await;

    let listener = desk.hub.with(|world| world.find_load_balancer(&first).unwrap().listeners[0].arn.clone());
    desk.hub.with(|world| world.delete_listener(&listener)).unwrap();
    desk.carry_out();
    until(at, None).await;

    desk.hub.with(|world| {
        let again = CreateListener {
            load_balancer_arn: first.clone(),
            port: 8080,
            target_group_arn: group,
            tags: Tags::new(),
        };
        world.create_listener(again).unwrap();
        world.delete_load_balancer(&first).unwrap();
    });
    desk.carry_out();
    until(at, None).await;
    until(other, SERVES).await;
    desk.listeners.shutdown().await;
    until(other, None).await;
    assert_eq!(desk.addresses.address_of(&first), None);
}

#[tokio::test]
async fn a_new_listener_is_reached_where_the_old_one_was() {
    let mut desk = Desk::new();
    let (first, group, at) = desk.create("first");
    until(at, SERVES).await;
    let waiting = TcpStream::connect(at).await.unwrap();
    desk.hub.with(|world| {
        let listener = world.find_load_balancer(&first).unwrap().listeners[0].arn.clone();
        world.delete_listener(&listener).unwrap();
        let again = CreateListener {
            load_balancer_arn: first.clone(),
            port: 80,
            target_group_arn: group,
            tags: Tags::new(),
        };
        world.create_listener(again).unwrap();
    });
    desk.carry_out();
    drop(waiting);
    until(at, SERVES).await;
    desk.listeners.shutdown().await;
}
