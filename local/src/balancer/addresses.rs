//! The addresses of load balancers. Each has a port of its own on 127.0.0.1 from its creation to its deletion, whether
//! or not it has a listener: until there is one, connections are refused.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpSocket};

/// As many connections may wait to be accepted as the system's own default for servers.
const BACKLOG: u32 = 1_024;

/// Shared by those who create load balancers and those who serve them.
#[derive(Debug, Clone, Default)]
pub struct Addresses(Arc<Mutex<BTreeMap<String, Address>>>);

/// A port that nobody else gets while this lives: its socket is bound and does not listen.
#[derive(Debug)]
pub struct Address {
    address: SocketAddr,
    _socket: TcpSocket,
}

impl Address {
    /// 0 is any free port.
    pub fn reserve(port: u16) -> io::Result<Address> {
        let socket = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        Ok(Address { address: socket.local_addr()?, _socket: socket })
    }

    pub fn get(&self) -> SocketAddr {
        self.address
    }
}

impl Addresses {
    /// For as long as the load balancer is there.
    pub fn keep(&self, load_balancer_arn: &str, address: Address) {
        self.lock().insert(load_balancer_arn.to_owned(), address);
    }

    pub fn address_of(&self, load_balancer_arn: &str) -> Option<SocketAddr> {
        self.lock().get(load_balancer_arn).map(Address::get)
    }

    pub(super) fn release(&self, load_balancer_arn: &str) {
        self.lock().remove(load_balancer_arn);
    }

    /// A second socket at the kept address, which listens.
    pub(super) fn listen(&self, load_balancer_arn: &str) -> io::Result<TcpListener> {
        let kept = self.address_of(load_balancer_arn);
        let address = kept.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no address is kept"))?;
        bind(address)?.listen(BACKLOG)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Address>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two sockets may share an address as long as only one of them listens.
fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
