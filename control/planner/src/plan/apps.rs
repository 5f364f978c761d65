//! What applications are promised.

use std::collections::{BTreeMap, BTreeSet};

use sluice_placement::Name;

use super::PoolPlanner;
use crate::action::Action;
use crate::desired::{Intent, Qos};

impl PoolPlanner<'_> {
    /// Sets what differs. Mins are lowered before others are raised, for together they must fit at every moment.
    pub(super) fn plan_apps(&mut self) {
        let (lower, raise): (Vec<_>, Vec<_>) = self.changes().into_iter().partition(|(_, _, lowers)| *lowers);
        let mut lowered = Vec::new();
        for (app, qos, _) in lower {
            let step = self.push(Action::SetApp { app: app.clone(), qos }, []);
            lowered.push(step);
            self.set_apps.insert(app, step);
        }
        for (app, qos, _) in raise {
            let step = self.push(Action::SetApp { app: app.clone(), qos }, lowered.iter().copied());
            self.set_apps.insert(app, step);
        }
    }

    /// Applications with volumes here whose promise is not what it is to be, and whether that lowers a Min.
    fn changes(&self) -> Vec<(Name, Qos, bool)> {
        let present = self.volume_specs().filter(|(_, spec)| spec.intent == Intent::Present);
        let apps: BTreeSet<&Name> = present.map(|(_, spec)| &spec.app).collect();
        let change = |app: &Name| {
            let wanted = &self.desired.apps.get(app)?.qos;
            let set = self.here.apps.get(app);
            let lowers = set.is_some_and(|set| set.min_iops > wanted.min_iops);
            (set != Some(wanted)).then(|| (app.clone(), wanted.clone(), lowers))
        };
        apps.into_iter().filter_map(change).collect()
    }

    /// Takes promises back from applications that have no volume here any more, or their Mins would be lost to
    /// everybody. Those that nobody recorded are left alone.
    pub(super) fn plan_app_removals(&mut self, deleted: &BTreeMap<Name, usize>) {
        let present = self.volume_specs().filter(|(_, spec)| spec.intent == Intent::Present);
        let used: BTreeSet<&Name> = present.map(|(_, spec)| &spec.app).collect();
        let set = self.here.apps.keys();
        for app in set.filter(|app| self.desired.apps.contains_key(*app) && !used.contains(app)) {
            let of_app = self.here.volumes.iter().filter(|(_, volume)| volume.app == *app);
            // A volume that stays keeps its application.
            let needs: Option<Vec<usize>> = of_app.map(|(volume, _)| deleted.get(volume).copied()).collect();
            if let Some(needs) = needs {
                self.push(Action::RemoveApp { app: app.clone() }, needs);
            }
        }
    }
}
