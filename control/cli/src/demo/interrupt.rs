//! SIGINT and SIGTERM: the first asks the demo to stop and tidy up, the second ends the process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Whether a signal came.
#[derive(Clone, Debug)]
pub(super) struct Interrupt {
    /// For threads that look now and then.
    flag: Arc<AtomicBool>,
    /// For tasks that wait.
    came: watch::Receiver<bool>,
}

impl Interrupt {
    /// Watches from now on, as a task of the running runtime.
    pub(super) fn watch() -> io::Result<Interrupt> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (sender, came) = watch::channel(false);
        let flag = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&flag);
        tokio::spawn(async move {
            either(&mut interrupt, &mut terminate).await;
            told.store(true, Ordering::Release);
            sender.send_replace(true);
            eprintln!("\nStopping; a second signal ends the demo at once and leaves its folder behind.");
            either(&mut interrupt, &mut terminate).await;
            std::process::exit(130);
        });
        Ok(Interrupt { flag, came })
    }

    /// Set once a signal came; for threads of others that stop by it.
    pub(super) fn flag(&self) -> &Arc<AtomicBool> {
        &self.flag
    }

    pub(super) fn came(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }

    /// Returns once a signal came.
    pub(super) async fn wait(&self) {
        // An error means that the watching task is gone, and with it the runtime.
        let _ = self.came.clone().wait_for(|came| *came).await;
    }
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => (),
        _ = terminate.recv() => (),
    }
}
