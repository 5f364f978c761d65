//! A request made ready to be compared with pools: every name looked up once.

use crate::cluster::{App, Cluster, Labels, Node, Pool, Word};
use crate::model::{
    Affinity, Domain, Name, Pod, PoolName, Relation, Request, RequestError, Segments, Selector, Strength,
    Test,
};

/// A domain whose key is looked up; `Label(None)`: no pool has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Device,
    Node,
    Rack,
    Zone,
    Label(Option<Word>),
}

impl Axis {
    fn new(domain: &Domain, cluster: &Cluster) -> Self {
        match domain {
            Domain::Device => Self::Device,
            Domain::Node => Self::Node,
            Domain::Rack => Self::Rack,
            Domain::Zone => Self::Zone,
            Domain::Label(key) => Self::Label(cluster.words.find(key)),
        }
    }

    /// Which of the domains a pool is in.
    pub(crate) fn of(self, node: &Node, pool: &Pool) -> Option<Word> {
        match self {
            Self::Device => Some(pool.word),
            Self::Label(key) => key.and_then(|key| pool.labels.get(key)),
            Self::Node | Self::Rack | Self::Zone => self.of_node(node),
        }
    }

    /// Which of the domains a node is in by itself.
    pub(crate) fn of_node(self, node: &Node) -> Option<Word> {
        match self {
            Self::Device => None,
            Self::Node => Some(node.word),
            Self::Rack => node.rack,
            Self::Zone => node.zone,
            Self::Label(key) => key.and_then(|key| node.labels.get(key)),
        }
    }
}

/// An affinity and the domains that it is about.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) affinity: &'a Affinity,
    pub(crate) axis: Axis,
    /// Where the application has volumes, sorted.
    held: Vec<Word>,
}

impl<'a> Wish<'a> {
    fn new(affinity: &'a Affinity, app: Option<&App>, cluster: &Cluster) -> Self {
        let axis = Axis::new(&affinity.domain, cluster);
        let place = |name: &PoolName| {
            let pool = &cluster.pools[cluster.find(name).expect("a pool with volumes is known")];
            axis.of(&cluster.nodes[&name.node], pool)
        };
        let mut held: Vec<Word> = app.into_iter().flat_map(App::pools).filter_map(place).collect();
        held.sort_unstable();
        held.dedup();
        Self { affinity, axis, held }
    }

    /// Whether a volume in this domain has it as wished. Nothing is known of a pool that is in none.
    pub(crate) fn is_met(&self, value: Option<Word>) -> bool {
        let has = value.is_some_and(|value| self.held.binary_search(&value).is_ok());
        match self.affinity.relation {
            Relation::Together => has || self.held.is_empty(),
            Relation::Apart => value.is_some() && !has,
        }
    }
}

/// A selector whose names are looked up.
#[derive(Debug)]
pub(crate) struct Filter<'a> {
    pub(crate) selector: &'a Selector,
    key: Option<Word>,
    values: Vec<Word>,
}

impl<'a> Filter<'a> {
    fn new(selector: &'a Selector, cluster: &Cluster) -> Self {
        let values = match &selector.test {
            Test::In(values) | Test::NotIn(values) => {
                values.iter().filter_map(|value| cluster.words.find(value)).collect()
            }
            Test::Exists | Test::Missing => Vec::new(),
        };
        Self { selector, key: cluster.words.find(&selector.key), values }
    }

    pub(crate) fn is_met(&self, labels: &Labels) -> bool {
        let value = self.key.and_then(|key| labels.get(key));
        let listed = value.is_some_and(|value| self.values.contains(&value));
        match self.selector.test {
            Test::In(_) => listed,
            Test::NotIn(_) => !listed,
            Test::Exists => value.is_some(),
            Test::Missing => value.is_none(),
        }
    }
}

/// A topology whose names are looked up; `None`: a name that nothing in the cluster has.
#[derive(Debug)]
pub(crate) struct Term(Option<Vec<(Word, Word)>>);

impl Term {
    fn new(segments: &Segments, cluster: &Cluster) -> Self {
        let find =
            |(key, value): (&Name, &Name)| Some((cluster.words.find(key)?, cluster.words.find(value)?));
        Self(segments.iter().map(find).collect())
    }

    /// Whether a node with these labels has all of them.
    pub(crate) fn is_met(&self, labels: &Labels) -> bool {
        let has = |(key, value): &(Word, Word)| labels.get(*key) == Some(*value);
        self.0.as_ref().is_some_and(|pairs| pairs.iter().all(has))
    }
}

/// The pod's node as pools are compared with it.
#[derive(Debug)]
pub(crate) struct Near<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) node: &'a Node,
    /// What must be the same, and what it is.
    pub(crate) within: Option<(&'a Domain, Axis, Word)>,
}

/// The request, ready.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    pub(crate) request: &'a Request,
    pub(crate) spread: Axis,
    pub(crate) required: Vec<Wish<'a>>,
    pub(crate) preferred: Vec<Wish<'a>>,
    pub(crate) requisite: Vec<Term>,
    pub(crate) ranked: Vec<Term>,
    pub(crate) filters: Vec<Filter<'a>>,
    pub(crate) media: Vec<(&'a Name, Option<Word>)>,
    pub(crate) near: Option<Near<'a>>,
    pub(crate) app: Option<&'a App>,
}

impl<'a> Query<'a> {
    pub(crate) fn new(request: &'a Request, cluster: &'a Cluster) -> Result<Self, RequestError> {
        request.check()?;
        if cluster.volumes.contains_key(&request.volume) {
            return Err(RequestError::Recorded { volume: request.volume.clone() });
        }
        let app = cluster.apps.get(&request.app);
        let of = |strength| request.affinities.iter().filter(move |affinity| affinity.strength == strength);
        let wishes = |strength| of(strength).map(|affinity| Wish::new(affinity, app, cluster)).collect();
        let terms = |terms: &[Segments]| terms.iter().map(|term| Term::new(term, cluster)).collect();
        let filters = request.selectors.iter().map(|selector| Filter::new(selector, cluster)).collect();
        Ok(Self {
            request,
            spread: Axis::new(&request.spread, cluster),
            required: wishes(Strength::Required),
            preferred: wishes(Strength::Preferred),
            requisite: terms(&request.topology.requisite),
            ranked: terms(&request.topology.preferred),
            filters,
            media: request.media.iter().map(|tag| (tag, cluster.words.find(tag))).collect(),
            near: request.pod.as_ref().map(|pod| near(pod, cluster)).transpose()?,
            app,
        })
    }
}

fn near<'a>(pod: &'a Pod, cluster: &'a Cluster) -> Result<Near<'a>, RequestError> {
    let node = cluster.nodes.get(&pod.node);
    let node = node.ok_or_else(|| RequestError::UnknownNode { node: pod.node.clone() })?;
    let within = pod.within.as_ref().map(|domain| {
        let axis = Axis::new(domain, cluster);
        let value = axis.of_node(node);
        let value =
            value.ok_or_else(|| RequestError::PodNowhere { node: pod.node.clone(), domain: domain.clone() });
        value.map(|value| (domain, axis, value))
    });
    Ok(Near { pod, node, within: within.transpose()? })
}
