//! Starting a reactor over a device: buffers, device, pool, service, in this order, on the reactor's thread.

use crate::acceptor::{Directory, ReactorId};
use crate::calibrate::calibrate;
use crate::config::{ConfigError, TargetConfig};
use crate::handle::{ControlError, ReactorHandle};
use crate::service::TargetService;
use crate::words;
use sluice_device::{BlockDevice, Completion, Nanos, Pool};
use sluice_hugepages::{Backing, PoolConfig, PoolError};
use sluice_qos::DeviceProfile;
use sluice_reactor::{Reactor, SpawnError, clock};
use sluice_volume::thin::{HEAD_BYTES, ThinPool};
use sluice_volume::{FormatOptions, VolumeError};
use std::thread::JoinHandle;
use std::time::Duration;
use uuid::Uuid;

/// What to do with a device that holds no pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Refuse it.
    Never,
    /// Make a pool if the place of the superblock is blank; refuse foreign data.
    IfBlank,
    /// Make a pool, whatever is there. Destroys a pool and its volumes.
    Force,
}

/// Which pool is to be on a device, and what to do if none is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// Whether to make one.
    pub format: Format,
    /// The pool's UUID: another pool is refused, and one that is made gets it. `None`: whichever it is.
    pub uuid: Option<Uuid>,
}

/// How to run a reactor over a device.
#[derive(Clone, Debug)]
pub struct ReactorOptions {
    /// The thread.
    pub reactor: sluice_reactor::Config,
    /// Limits and timeouts.
    pub target: TargetConfig,
    /// The pool on the device.
    pub pool: PoolOptions,
    /// What the data memory is made of; `None`: ordinary pages, taken when first used.
    pub backing: Option<Backing>,
}

/// Why a reactor did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError<E> {
    /// A limit is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No memory for data.
    #[error("no memory for I/O buffers: {0}")]
    Buffers(#[from] PoolError),
    /// The device.
    #[error("cannot open the device: {0}")]
    Open(E),
    /// The pool on it.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// The applications of its volumes.
    #[error(transparent)]
    Apps(#[from] ControlError),
    /// The thread.
    #[error("{0}")]
    Reactor(String),
}

/// A reactor that serves.
#[derive(Debug)]
pub struct RunningReactor {
    /// The way to it.
    pub handle: ReactorHandle,
    /// Its thread, which ends after [`ReactorHandle::drain`].
    pub thread: JoinHandle<()>,
}

/// Starts a reactor. `open` runs on its thread and opens the device over the reactor's buffers; this call
/// returns when the pool is open and its published volumes are in `directory`.
///
/// # Errors
/// [`StartError`]; no thread is left behind.
pub fn start_reactor<E, F>(
    options: ReactorOptions,
    directory: &Directory,
    open: F,
) -> Result<RunningReactor, StartError<E>>
where
    E: Send + 'static,
    F: FnOnce(&Pool) -> Result<Box<dyn BlockDevice>, E> + Send + 'static,
{
    let ReactorOptions { reactor, target, pool, backing } = options;
    target.check()?;
    let id = directory.register();
    let shared = directory.clone();
    let build = move || build(target, pool, backing, shared, id, open);
    let spawned = Reactor::spawn(reactor, build).map_err(|error| match error {
        SpawnError::Service(error) => error,
        other => StartError::Reactor(other_to_string(&other)),
    });
    let Reactor { sender, thread } = spawned.inspect_err(|_| directory.detach(id))?;
    let handle = ReactorHandle::new(sender);
    directory.attach(id, handle.clone());
    Ok(RunningReactor { handle, thread })
}

fn other_to_string<E>(error: &SpawnError<StartError<E>>) -> String {
    match error {
        SpawnError::System { call, source } => format!("{call}: {source}"),
        SpawnError::Core { core, source } => {
            format!("cannot pin to core {core}: {source}; choose one of the cores this process may use")
        }
        SpawnError::Thread(source) => format!("cannot start a thread: {source}"),
        SpawnError::Service(_) => "the service did not start".to_owned(),
    }
}

fn build<E, F>(
    target: TargetConfig,
    options: PoolOptions,
    backing: Option<Backing>,
    directory: Directory,
    id: ReactorId,
    open: F,
) -> Result<TargetService, StartError<E>>
where
    F: FnOnce(&Pool) -> Result<Box<dyn BlockDevice>, E>,
{
    let classes = PoolConfig { classes: target.limits.buffer_classes() };
    let buffers = match backing {
        Some(backing) => Pool::resident(&classes, &backing)?,
        None => Pool::new(&classes)?,
    };
    let device = open(&buffers).map_err(StartError::Open)?;
    let (pool, profile) = open_pool(device, &buffers, &options, target.calibration)?;
    Ok(TargetService::new(target, pool, buffers, directory, id, profile)?)
}

/// Opens the pool on a device, or measures the device and makes one. What was found is kept in the pool.
fn open_pool(
    device: Box<dyn BlockDevice>,
    buffers: &Pool,
    options: &PoolOptions,
    calibration: Duration,
) -> Result<(ThinPool, Option<DeviceProfile>), VolumeError> {
    let PoolOptions { format, uuid } = *options;
    let mut pool = ThinPool::new(device, buffers)?;
    if format != Format::Force {
        match uuid {
            Some(uuid) => pool.begin_import(uuid)?,
            None => pool.begin_open()?,
        }
        match complete(&mut pool) {
            Err(VolumeError::NotFormatted) if format == Format::IfBlank => {}
            outcome => {
                let profile = pool.profile().and_then(words::profile_of);
                return outcome.map(|()| (pool, profile));
            }
        }
    }
    let mut device = pool.into_device();
    let profile = measure(&mut *device, buffers, calibration);
    let mut pool = ThinPool::new(device, buffers)?;
    let uuid = uuid.unwrap_or_else(Uuid::new_v4);
    pool.begin_format(FormatOptions { uuid, force: format == Format::Force })?;
    complete(&mut pool)?;
    if let Some(profile) = &profile {
        pool.begin_set_profile(words::profile_words(profile))?;
        complete(&mut pool)?;
    }
    Ok((pool, profile))
}

/// What the device was found to do. A device that cannot be measured serves without promises.
fn measure(device: &mut dyn BlockDevice, buffers: &Pool, time: Duration) -> Option<DeviceProfile> {
    let time = Nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    if time == Nanos::ZERO {
        return None;
    }
    match calibrate(device, buffers, HEAD_BYTES, time) {
        Ok(profile) => {
            tracing::info!(device = device.info().name, worst_iops = profile.worst_iops, "calibrated");
            Some(profile)
        }
        Err(error) => {
            tracing::warn!(device = device.info().name, %error, "not calibrated: no Min can be promised on it");
            None
        }
    }
}

/// Waits for a control operation. Only before the reactor serves: nothing else is to be done then.
fn complete(pool: &mut ThinPool) -> Result<(), VolumeError> {
    let mut completions = [Completion::default()];
    loop {
        let _ = pool.poll(clock::now(), &mut completions);
        if let Some(result) = pool.take_control_result() {
            return result.map(|_| ());
        }
        std::thread::yield_now();
    }
}
