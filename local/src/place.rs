//! One place where everything runs: opens the ports, builds the world, and connects it with the registry, the
//! wire, the load balancer, the task runner, the bus and Lambda. What is deployed in it is the caller's.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use serde_json::Value;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::balancer::{Address, ListenerChanges, Listeners};
use crate::bus::{Bus, BusError, Rule};
use crate::gateway::{Api, ApiError, Gateway};
use crate::hub::Hub;
use crate::inspect::{self, Inspect};
use crate::lambda::{self, Function, Lambda};
use crate::measure;
use crate::registry::{self, BlobStore, Platform, Registry};
use crate::stack::{Running, Stack};
use crate::tasks::{ImageError, RunnerSettings, TaskRunner};
use crate::wire::{self, Caller, Credential, Wire};
use crate::world::elb::HealthCheck;
use crate::world::{Effect, Refusal, Settings, World};

/// How often the world is moved on when nothing else does.
const TICK: Duration = Duration::from_millis(25);

/// Where the place is and what opens it. A port of 0 is any free one; a taken one is replaced by a free one.
#[derive(Debug, Clone)]
pub struct PlaceSettings {
    pub aws_port: u16,
    pub registry_port: u16,
    pub game_port: u16,
    pub api_port: u16,
    /// Layers, unpacked images and what tasks write; the caller removes it.
    pub folder: PathBuf,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub registry_password: String,
    /// Keep every call to the AWS APIs, for a test to read from [`Place::wire`].
    pub record_calls: bool,
    /// Account, region, zones and timing; the registry's host is filled in.
    pub world: Settings,
}

/// Where everything is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    pub aws: SocketAddr,
    pub registry: SocketAddr,
    pub game: SocketAddr,
    pub api: SocketAddr,
}

/// What runs in the place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deployed {
    pub functions: Vec<Function>,
    pub rules: Vec<Rule>,
    pub api: Api,
    /// What all of it is called in a template, for those who look at it as a stack.
    pub stack: Option<Stack>,
}

#[derive(Debug, Error)]
pub enum PlaceError {
    #[error("no port could be opened on 127.0.0.1")]
    Port(#[source] io::Error),
    #[error("the folder {0} cannot be used")]
    Folder(PathBuf, #[source] io::Error),
    #[error("the task runner could not be started")]
    Tasks(#[source] io::Error),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the HTTP API cannot be set up")]
    Api(#[from] ApiError),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A running place. [`Place::shutdown`] ends every process and closes every port.
#[derive(Debug)]
pub struct Place {
    hub: Hub,
    endpoints: Endpoints,
    wire: Wire,
    lambda: Lambda,
    bus: Bus,
    gateway: Gateway,
    tasks: TaskRunner,
    listeners: Listeners,
    /// Taken by the first load balancer that the caller creates.
    game_address: Mutex<Option<Address>>,
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
}

impl Place {
    /// Opens the ports first, because functions are told the addresses in their environment.
    pub async fn start(
        settings: PlaceSettings,
        deployed: impl FnOnce(&Endpoints) -> Deployed,
    ) -> Result<Place, PlaceError> {
        let (aws_listener, aws) = open(settings.aws_port).await?;
        let (registry_listener, registry_address) = open(settings.registry_port).await?;
        let game_address = reserve(settings.game_port)?;
        let (api_listener, api_address) = open(settings.api_port).await?;
        let endpoints =
            Endpoints { aws, registry: registry_address, game: game_address.get(), api: api_address };
        let Deployed { mut functions, rules, api, stack } = deployed(&endpoints);

        let (account, region) = (settings.world.account.clone(), settings.world.region.clone());
        let mut credentials: Vec<_> = functions
            .iter_mut()
            .filter_map(|function| give_credentials(function, &account, &settings))
            .collect();
        let world = Settings { registry_host: registry_address.to_string(), ..settings.world };
        let (hub, effects) = Hub::new(World::new(world, Hub::now()));
        let blobs = settings.folder.join("blobs");
        let blobs = BlobStore::new(&blobs).map_err(|error| PlaceError::Folder(blobs, error))?;
        let registry = Registry { hub: hub.clone(), blobs, password: settings.registry_password.clone() };
        let runner = RunnerSettings {
            work_dir: settings.folder.join("tasks"),
            region: region.clone(),
            environment: Vec::new(),
        };
        let images = registry.clone();
        let images =
            move |image: &str, platform: &Platform| images.resolve(image, platform).map_err(ImageError::from);
        let tasks = TaskRunner::new(hub.clone(), images, runner).map_err(PlaceError::Tasks)?;
        let lambda = Lambda::start(lambda::Settings::new(&account, &region), functions);
        let bus = Bus::start(rules, lambda.clone())?;
        credentials.push(Credential {
            access_key_id: settings.access_key_id,
            secret_access_key: settings.secret_access_key,
            caller: Caller::user(&account, "local"),
        });
        let mut wire = Wire::new(
            hub.clone(),
            credentials,
            format!("http://{registry_address}"),
            registry.password.clone(),
            registry.blobs.clone(),
        );
        if settings.record_calls {
            wire.record_calls();
        }
        wire.task_logs = tasks.task_logs();
        wire.deployed = Some(Running { lambda: lambda.clone(), bus: bus.clone(), stack });
        let gateway = Gateway::new(api, api_address.port(), lambda.clone(), wire.clone())?;

        let listeners = Listeners::start(hub.clone(), wire.addresses.clone());

        let (stop, stopped) = watch::channel(false);
        let inspect = Inspect {
            lambda: lambda.clone(),
            bus: bus.clone(),
            tasks: tasks.clone(),
            gateway: gateway.clone(),
            hub: hub.clone(),
        };
        let aws_router = inspect::router(inspect).merge(wire::router(wire.clone()));
        let running = vec![
            tokio::spawn(serve(aws_listener, aws_router, stopped.clone())),
            tokio::spawn(serve(registry_listener, registry::router(registry), stopped.clone())),
            tokio::spawn(serve(api_listener, gateway.router(), stopped.clone())),
            tokio::spawn(carry_out(effects, tasks.clone(), bus.clone(), lambda.clone(), listeners.changes())),
            tokio::spawn(measure::run(
                hub.clone(),
                tasks.clone(),
                listeners.traffic(),
                lambda.clone(),
                stopped.clone(),
            )),
            tokio::spawn(tick(hub.clone(), stopped)),
        ];
        Ok(Place {
            hub,
            endpoints,
            wire,
            lambda,
            bus,
            gateway,
            tasks,
            listeners,
            game_address: Mutex::new(Some(game_address)),
            stop,
            running,
        })
    }

    /// A load balancer with its target group, serving on the game's port, or on any free one if that is taken by
    /// another of these.
    pub fn create_load_balancer(
        &self,
        name: &str,
        health_check: HealthCheck,
        deregistration_delay_seconds: u32,
    ) -> Result<(), PlaceError> {
        let game = self.game_address.lock().unwrap_or_else(PoisonError::into_inner).take();
        let address = match game {
            Some(address) => address,
            None => Address::reserve(0).map_err(PlaceError::Port)?,
        };
        self.hub.with(|world| {
            let (dns_name, port) = (address.get().to_string(), address.get().port());
            let (arn, _) = world.create_load_balancer_with_listener(
                name,
                &dns_name,
                port,
                health_check,
                deregistration_delay_seconds,
            )?;
            self.wire.addresses.keep(&arn, address);
            Ok(())
        })
    }

    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    pub fn lambda(&self) -> &Lambda {
        &self.lambda
    }

    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    pub fn tasks(&self) -> &TaskRunner {
        &self.tasks
    }

    /// Functions first, so that nobody starts anything new; then tasks; then the ports.
    pub async fn shutdown(self) {
        self.bus.shutdown();
        self.lambda.shutdown().await;
        self.tasks.shutdown().await;
        self.listeners.shutdown().await;
        self.stop.send_replace(true);
        for task in self.running {
            task.abort();
            let _ = task.await;
        }
    }
}

/// Each function calls as a role of its own, unless its environment says as whom.
fn give_credentials(function: &mut Function, account: &str, settings: &PlaceSettings) -> Option<Credential> {
    if function.environment.iter().any(|(name, _)| name == "AWS_ACCESS_KEY_ID") {
        return None;
    }
    let credential = Credential::of_function(account, &function.name, &settings.secret_access_key);
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", &credential.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &credential.secret_access_key),
    ] {
        function.environment.push((name.to_owned(), value.clone()));
    }
    Some(credential)
}

async fn open(port: u16) -> Result<(TcpListener, SocketAddr), PlaceError> {
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
        }
        other => other,
    };
    let listener = listener.map_err(PlaceError::Port)?;
    let address = listener.local_addr().map_err(PlaceError::Port)?;
    Ok((listener, address))
}

fn reserve(port: u16) -> Result<Address, PlaceError> {
    let address = match Address::reserve(port) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Address::reserve(0),
        other => other,
    };
    address.map_err(PlaceError::Port)
}

async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let until = async move {
        // The sender goes only when the place does.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(until).await {
        tracing::error!(%error, "a server stopped");
    }
}

async fn carry_out(
    mut effects: mpsc::UnboundedReceiver<Effect>,
    tasks: TaskRunner,
    bus: Bus,
    lambda: Lambda,
    listeners: ListenerChanges,
) {
    while let Some(effect) = effects.recv().await {
        match effect {
            Effect::StartTask(task) => tasks.start_task(task),
            Effect::StopTask { task_arn } => tasks.stop_task(&task_arn),
            Effect::Event(event) => bus.put(event),
            Effect::InvokeFunction { function, payload } => invoke(&lambda, &function, payload),
            Effect::Listener(change) => listeners.put(change),
        }
    }
}

/// As CloudWatch: a function that does not exist is nobody's error.
fn invoke(lambda: &Lambda, function: &str, payload: Value) {
    if let Err(error) = lambda.invoke_async(function, payload) {
        tracing::warn!(%error, function, "an alarm's action was not carried out");
    }
}

async fn tick(hub: Hub, stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        hub.with(|_| ());
        tokio::time::sleep(TICK).await;
    }
}
