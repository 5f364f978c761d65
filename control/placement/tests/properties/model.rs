//! The rules once more, as plainly as can be: everything is added up from the list of volumes each time it is asked.

use std::collections::{BTreeMap, BTreeSet};

use sluice_placement::{
    Domain, NODE_LABEL, Name, NodeSpec, NodeState, PoolName, PoolSpec, PoolState, Provisioning, RACK_LABEL,
    Refusal, Relation, Request, Segments, Strength, Test, Volume, ZONE_LABEL,
};
use sluice_qos::Admission;

use crate::world::World;

/// What is known.
pub(crate) struct Model {
    pub(crate) nodes: Vec<NodeSpec>,
    pub(crate) pools: Vec<PoolSpec>,
    pub(crate) volumes: Vec<Volume>,
}

fn usable_bytes(pool: &PoolSpec) -> u64 {
    pool.capacity_bytes - (pool.capacity_bytes * u64::from(pool.bounds.reserve_permille)).div_ceil(1000)
}

pub(crate) fn limit_bytes(pool: &PoolSpec) -> u64 {
    usable_bytes(pool) * u64::from(pool.bounds.overcommit_percent) / 100
}

impl Model {
    pub(crate) fn new(world: &World) -> Self {
        Self { nodes: world.nodes.clone(), pools: world.pools.clone(), volumes: Vec::new() }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &PoolName> {
        self.pools.iter().map(|pool| &pool.name)
    }

    pub(crate) fn volumes_in(&self, pool: &PoolName) -> impl Iterator<Item = &Volume> {
        self.volumes.iter().filter(move |volume| volume.pools.contains(pool))
    }

    pub(crate) fn recorded_bytes(&self, pool: &PoolName) -> u64 {
        self.volumes_in(pool).map(|volume| volume.size_bytes).sum()
    }

    pub(crate) fn recorded_iops(&self, pool: &PoolName) -> u64 {
        let apps: BTreeSet<&Name> = self.volumes_in(pool).map(|volume| &volume.app).collect();
        apps.into_iter().map(|app| self.app_iops(app, pool)).sum()
    }

    fn app_iops(&self, app: &Name, pool: &PoolName) -> u64 {
        let of_app = self.volumes_in(pool).filter(|volume| volume.app == *app);
        of_app.map(|volume| u64::from(volume.min_iops)).max().unwrap_or(0)
    }

    /// The device's own admission as it stands, and the application's promise before and after.
    pub(crate) fn admission(&self, request: &Request, name: &PoolName) -> (Admission, u64, u64) {
        let pool = self.pool(name);
        let promised = self.recorded_iops(name) + pool.unrecorded_iops;
        let mut admission = Admission::new(Some(promised));
        admission.replace(0, promised).expect("as much as is guaranteed");
        admission.set_guaranteed(pool.guaranteed_iops);
        let old = self.app_iops(&request.app, name);
        (admission, old, old.max(u64::from(request.min_iops)))
    }

    fn pool(&self, name: &PoolName) -> &PoolSpec {
        self.pools.iter().find(|pool| pool.name == *name).expect("the pool is known")
    }

    fn node(&self, name: &Name) -> &NodeSpec {
        self.nodes.iter().find(|node| node.name == *name).expect("the node is known")
    }

    fn node_labels(&self, node: &NodeSpec) -> BTreeMap<Name, Name> {
        let mut labels = node.labels.clone();
        labels.insert(NODE_LABEL.into(), node.name.clone());
        labels.extend(node.zone.clone().map(|zone| (ZONE_LABEL.into(), zone)));
        labels.extend(node.rack.clone().map(|rack| (RACK_LABEL.into(), rack)));
        labels
    }

    fn labels(&self, name: &PoolName) -> BTreeMap<Name, Name> {
        let pool = self.pool(name);
        let mut labels = self.node(&name.node).labels.clone();
        labels.extend(pool.labels.clone());
        labels
            .extend(self.node_labels(&NodeSpec { labels: BTreeMap::new(), ..self.node(&name.node).clone() }));
        labels
    }

    /// The domain in words; what fails together has the same.
    pub(crate) fn domain(&self, name: &PoolName, domain: &Domain) -> Option<String> {
        match domain {
            Domain::Device => Some(name.to_string()),
            Domain::Label(key) => self.labels(name).get(key).map(|value| value.to_string()),
            _ => self.node_domain(self.node(&name.node), domain),
        }
    }

    fn node_domain(&self, node: &NodeSpec, domain: &Domain) -> Option<String> {
        match domain {
            Domain::Device => None,
            Domain::Node => Some(node.name.to_string()),
            Domain::Rack => node.rack.as_ref().map(|rack| format!("{:?} {rack}", node.zone)),
            Domain::Zone => node.zone.as_ref().map(|zone| zone.to_string()),
            Domain::Label(key) => self.node_labels(node).get(key).map(|value| value.to_string()),
        }
    }

    /// Where the application has volumes.
    fn held(&self, app: &Name, domain: &Domain) -> BTreeSet<String> {
        let of_app = self.volumes.iter().filter(|volume| volume.app == *app);
        of_app.flat_map(|volume| &volume.pools).filter_map(|pool| self.domain(pool, domain)).collect()
    }

    /// Everything that speaks against a pool.
    pub(crate) fn refusals(&self, request: &Request, name: &PoolName) -> Vec<Refusal> {
        let mut refusals = self.of_state(request, name);
        refusals.extend(self.of_labels(request, name));
        refusals.extend(self.of_domains(request, name));
        refusals.extend(self.of_figures(request, name));
        refusals
    }

    fn of_state(&self, request: &Request, name: &PoolName) -> Vec<Refusal> {
        let (pool, node) = (self.pool(name), self.node(&name.node));
        let mut refusals = Vec::new();
        if node.state != NodeState::Ready {
            refusals.push(Refusal::Node { state: node.state });
        }
        let requisite = &request.topology.requisite;
        if !requisite.is_empty() && !requisite.iter().any(|segments| self.lies_in(node, segments)) {
            refusals.push(Refusal::Topology { requisite: requisite.len() });
        }
        refusals.extend(match &pool.state {
            PoolState::Online => None,
            PoolState::Cordoned => Some(Refusal::Cordoned),
            PoolState::Draining => Some(Refusal::Draining),
            PoolState::Unhealthy { reason } => Some(Refusal::Unhealthy { reason: reason.clone() }),
            PoolState::Lost => Some(Refusal::Lost),
        });
        if !request.source.is_empty() && !request.source.contains(name) {
            refusals.push(Refusal::NotAtSource);
        }
        refusals
    }

    fn lies_in(&self, node: &NodeSpec, segments: &Segments) -> bool {
        let labels = self.node_labels(node);
        segments.iter().all(|(key, value)| labels.get(key) == Some(value))
    }

    fn of_labels(&self, request: &Request, name: &PoolName) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        if let Some(pod) = &request.pod
            && let Some(domain) = &pod.within
            && self.domain(name, domain) != self.node_domain(self.node(&pod.node), domain)
        {
            refusals.push(Refusal::Pod { domain: domain.clone(), pod_node: pod.node.clone() });
        }
        let pool = self.pool(name);
        let lacking = request.media.iter().find(|tag| !pool.media.contains(*tag));
        refusals.extend(lacking.map(|tag| Refusal::Media { tag: tag.clone() }));
        let labels = self.labels(name);
        let unmet = request.selectors.iter().find(|selector| {
            let value = labels.get(&selector.key);
            !match &selector.test {
                Test::In(values) => value.is_some_and(|value| values.contains(value)),
                Test::NotIn(values) => !value.is_some_and(|value| values.contains(value)),
                Test::Exists => value.is_some(),
                Test::Missing => value.is_none(),
            }
        });
        refusals.extend(unmet.map(|selector| Refusal::Selector { selector: selector.to_string() }));
        refusals
    }

    fn of_domains(&self, request: &Request, name: &PoolName) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        let spread = &request.spread;
        if request.replicas > 1 && self.domain(name, spread).is_none() {
            refusals.push(Refusal::NoDomain { domain: spread.clone() });
        }
        let required = request.affinities.iter().filter(|wish| wish.strength == Strength::Required);
        refusals.extend(required.filter_map(|wish| self.against(request, name, wish)).take(1));
        refusals
    }

    fn against(
        &self,
        request: &Request,
        name: &PoolName,
        wish: &sluice_placement::Affinity,
    ) -> Option<Refusal> {
        let (here, held) = (self.domain(name, &wish.domain), self.held(&request.app, &wish.domain));
        let domain = wish.domain.clone();
        match (wish.relation, here) {
            (Relation::Together, _) if held.is_empty() => None,
            (_, None) => Some(Refusal::NoDomain { domain }),
            (Relation::Together, Some(here)) => {
                (!held.contains(&here)).then_some(Refusal::NotTogether { domain })
            }
            (Relation::Apart, Some(here)) => held.contains(&here).then_some(Refusal::NotApart { domain }),
        }
    }

    fn of_figures(&self, request: &Request, name: &PoolName) -> Vec<Refusal> {
        let pool = self.pool(name);
        let mut refusals = Vec::new();
        let (volumes, max_volumes) = (self.volumes_in(name).count(), pool.bounds.max_volumes);
        if volumes >= max_volumes as usize {
            refusals.push(Refusal::TooManyVolumes { volumes: u32::try_from(volumes).unwrap(), max_volumes });
        }
        let asked_bytes = request.size_bytes;
        let (provisioned_bytes, limit_bytes) =
            (self.recorded_bytes(name) + pool.unrecorded_bytes, limit_bytes(pool));
        if provisioned_bytes + asked_bytes > limit_bytes {
            let free_bytes = limit_bytes.saturating_sub(provisioned_bytes);
            refusals.push(Refusal::Overcommitted { asked_bytes, provisioned_bytes, limit_bytes, free_bytes });
        }
        let thick = self.volumes_in(name).filter(|volume| volume.provisioning == Provisioning::Thick);
        let thick_bytes: u64 = thick.map(|volume| volume.size_bytes).sum();
        let taken_bytes = thick_bytes + pool.thin_used_bytes + pool.unrecorded_bytes;
        let usable_bytes = usable_bytes(pool);
        let bound_bytes = usable_bytes * u64::from(pool.bounds.thin_fill_permille) / 1000;
        match request.provisioning {
            Provisioning::Thick if taken_bytes + asked_bytes > usable_bytes => {
                let free_bytes = usable_bytes.saturating_sub(taken_bytes);
                refusals.push(Refusal::NoRoom { asked_bytes, taken_bytes, usable_bytes, free_bytes });
            }
            Provisioning::Thin if taken_bytes >= bound_bytes => {
                refusals.push(Refusal::NearlyFull { taken_bytes, bound_bytes });
            }
            _ => {}
        }
        refusals.extend(self.of_iops(request, pool));
        refusals
    }

    fn of_iops(&self, request: &Request, pool: &PoolSpec) -> Option<Refusal> {
        let has = self.app_iops(&request.app, &pool.name);
        let asked_iops = u64::from(request.min_iops).checked_sub(has).filter(|asked| *asked > 0)?;
        let Some(guaranteed_iops) = pool.guaranteed_iops else { return Some(Refusal::NotCalibrated) };
        let promised_iops = self.recorded_iops(&pool.name) + pool.unrecorded_iops;
        let free_iops = guaranteed_iops.saturating_sub(promised_iops);
        let refusal = Refusal::MinIops { asked_iops, promised_iops, guaranteed_iops, free_iops };
        (promised_iops + asked_iops > guaranteed_iops).then_some(refusal)
    }

    /// How many preferred topologies go before the pool's, how far it is from the pod, and the affinities it misses.
    pub(crate) fn wishes(&self, request: &Request, name: &PoolName) -> (usize, usize, usize) {
        let node = self.node(&name.node);
        let preferred = &request.topology.preferred;
        let rank =
            preferred.iter().position(|segments| self.lies_in(node, segments)).unwrap_or(preferred.len());
        let distance = request.pod.as_ref().map_or(0, |pod| {
            let theirs = self.node(&pod.node);
            let same = |domain: &Domain| {
                let ours = self.node_domain(node, domain);
                ours.is_some() && ours == self.node_domain(theirs, domain)
            };
            [Domain::Node, Domain::Rack, Domain::Zone].iter().position(same).unwrap_or(3)
        });
        let wished = request.affinities.iter().filter(|wish| wish.strength == Strength::Preferred);
        (rank, distance, wished.filter(|wish| self.against(request, name, wish).is_some()).count())
    }
}
