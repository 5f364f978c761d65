//! A `sluiced` of our own, and its API as plain calls.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sluice_node_api::v1::{self, host_access::Access};
use sluice_node_api::{ApiAddress, NodeClient, connect};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Longest wait for the daemon, calibration included.
const START: Duration = Duration::from_secs(60);

/// What the device is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Backing {
    /// Memory with a flash drive's time: a die takes 160 us to read 16 KiB, 400 us to write them.
    Ssd,
    /// A file, in the folder for temporary files.
    File,
}

impl Backing {
    /// What a write costs against a read of the same length, where it is known.
    pub(crate) fn write_cost(self) -> f64 {
        if self == Self::Ssd { 2.5 } else { 1.0 }
    }
}

/// How to run a daemon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub backing: Backing,
    pub dies: u32,
    pub core: usize,
    /// Whether it schedules.
    pub qos: bool,
    /// Whether its reactor never sleeps.
    pub always_polls: bool,
}

/// A running daemon; stopped when dropped.
pub(crate) struct Node {
    child: Child,
    _folder: TempDir,
    /// Where hosts connect.
    pub address: String,
    pub api: Api,
}

impl Node {
    /// Starts one, on a device that is measured first.
    pub(crate) fn start(setup: Setup) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let config = folder.path().join("sluiced.toml");
        fs::write(&config, configuration(folder.path(), setup))?;
        let log = fs::File::create(folder.path().join("log"))?;
        let mut command = Command::new(program("sluiced")?);
        command.arg("--config").arg(config).current_dir(folder.path()).stdout(Stdio::null()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let ready = wait(&mut child, folder.path()).inspect_err(|_| stop(&mut child))?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("an incomplete ready file");
        let (address, api) = (text(&ready["nvme_tcp"][0])?, text(&ready["api"])?);
        let api = Api::connect(&api.parse()?).inspect_err(|_| stop(&mut child))?;
        Ok(Self { child, _folder: folder, address, api })
    }

    /// Stops it in its tracks, so that another has its core.
    pub(crate) fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// The daemon's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Nothing is kept on these devices, so there is nothing to drain. If it is gone already, so much the better.
fn stop(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// A program built beside this one.
pub(crate) fn program(name: &str) -> anyhow::Result<PathBuf> {
    let path = env::current_exe()?.with_file_name(name);
    ensure!(path.is_file(), "{} is missing: run perf/run isolation, which builds it", path.display());
    Ok(path)
}

fn wait(child: &mut Child, folder: &Path) -> anyhow::Result<Value> {
    let (path, end) = (folder.join("ready"), Instant::now() + START);
    while !path.exists() {
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        ensure!(child.try_wait()?.is_none(), "sluiced ended: {}", log());
        ensure!(Instant::now() < end, "sluiced is not ready after {START:?}: {}", log());
        thread::sleep(Duration::from_millis(5));
    }
    Ok(serde_json::from_slice(&fs::read(&path)?)?)
}

fn configuration(folder: &Path, setup: Setup) -> String {
    let Setup { backing, dies, core, qos, always_polls } = setup;
    let polling = if always_polls { "always" } else { "adaptive" };
    let device = match backing {
        Backing::Ssd => format!("uri = 'ssd:1GiB'\ndies = {dies}"),
        Backing::File => format!("uri = 'file:{}/device'\nsize = '1GiB'", folder.display()),
    };
    let folder = folder.display();
    format!(
        "[node]\nlog = 'warn'\nready_file = '{folder}/ready'\n[api]\nlisten = 'unix:{folder}/api'\n\
         [qos]\nenabled = {qos}\n[reactor]\npolling = '{polling}'\n\
         [nvme_tcp]\nlisten = ['127.0.0.1:0']\nqueue_entries = 1024\nconnections = 512\nbuffer_bytes = '256MiB'\n\
         [[device]]\nname = 'bench'\ncore = {core}\n{device}\n"
    )
}

/// A client that waits for its answers.
pub(crate) struct Api {
    runtime: Runtime,
    client: NodeClient,
    address: ApiAddress,
}

impl Api {
    /// To a daemon's address.
    pub(crate) fn connect(address: &ApiAddress) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(connect(address))?;
        Ok(Self { runtime, client, address: address.clone() })
    }

    /// Another one, for another thread.
    pub(crate) fn again(&self) -> anyhow::Result<Self> {
        Self::connect(&self.address)
    }

    /// Creates and publishes a volume; its NQN.
    pub(crate) fn volume(&mut self, name: &str, app: &str, size_mib: u64) -> anyhow::Result<String> {
        let (name, app) = (name.to_owned(), app.to_owned());
        let create = v1::CreateVolumeRequest {
            name: name.clone(),
            app,
            size_bytes: size_mib << 20,
            block_size: 4096,
            pool: String::new(),
            thick: false,
        };
        self.runtime.block_on(self.client.create_volume(create))?;
        let access = Some(v1::HostAccess { access: Some(Access::AnyHost(v1::AnyHost {})) });
        let publish = v1::PublishVolumeRequest { name, access };
        let answer = self.runtime.block_on(self.client.publish_volume(publish))?.into_inner();
        Ok(answer.volume.context("no volume in the answer")?.nqn)
    }

    /// Promises an application something.
    pub(crate) fn set(&mut self, app: &str, qos: v1::AppQos) -> anyhow::Result<()> {
        let request = set_request(app, qos);
        self.runtime.block_on(self.client.set_app(request)).with_context(|| format!("app {app}"))?;
        Ok(())
    }

    /// The counters; of volumes and connections only those of one volume.
    pub(crate) fn stats(&mut self, volume: &str) -> anyhow::Result<v1::GetStatsResponse> {
        let request = v1::GetStatsRequest { volume: volume.to_owned() };
        Ok(self.runtime.block_on(self.client.get_stats(request))?.into_inner())
    }

    /// What may be promised on the device.
    pub(crate) fn guaranteed_iops(&mut self) -> anyhow::Result<u32> {
        let stats = self.stats("")?;
        let guaranteed = stats.schedulers.first().and_then(|scheduler| scheduler.guaranteed_iops);
        Ok(u32::try_from(guaranteed.context("the device was not calibrated; it is too noisy here")?)?)
    }
}

fn set_request(app: &str, qos: v1::AppQos) -> v1::SetAppRequest {
    v1::SetAppRequest {
        name: app.to_owned(),
        pool: String::new(),
        labels: Default::default(),
        qos: Some(qos),
    }
}
