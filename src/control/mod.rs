//! The one writer: events → state → answers, in one task.
//!
//! | module | decides or does |
//! |---|---|
//! | [`event`] | lists everything that can change the state |
//! | [`writer`] | does: takes events in, publishes snapshots and status |
//! | [`state`] | decides what an event changes |
//! | [`reconcile`] | decides which targets exist, at the start and after a reload |
//! | [`probes`] | lists the targets whose probes start, stop or are sent at once |
//! | [`pool`], [`member`] | hold the state of one pool, and of one of its members |
//! | [`outage`] | decides whether members failed or the prober, when most fail at once |
//! | [`transitions`] | decides which changes of standing clients feel |
//! | [`active_tier`] | decides which tier of a pool with `stay` is answered |
//! | [`answers`] | decides which members each pool answers |
//! | [`overrides`] | reads, stores and applies the operator's overrides |
//! | [`request`] | reads the JSON bodies of requests that write, with every fault |
//! | [`health_report`] | decides which checks a report about a node is for |
//! | [`status`] | builds the status that the API and the page show |
//! | [`explain`] | states each decision in one sentence |
//! | [`journal`] | collects what happened, for the log, the page and the hooks |
//! | [`change_feed`] | carries changes of standing to the hooks |
//! | [`health_file`] | does: stores the standings for the next start |
//! | [`liveness`] | tells whether the writer and the probes make progress |
//! | [`troubles`] | lists the current problems with the server's own files |
//! | [`served_config`] | holds a configuration that is ready to be served |

pub mod active_tier;
pub mod answers;
pub mod change_feed;
pub mod event;
pub mod explain;
pub mod health_file;
pub mod health_report;
pub mod journal;
pub mod liveness;
pub mod member;
pub mod outage;
pub mod overrides;
pub mod pool;
pub mod probes;
pub mod reconcile;
pub mod request;
pub mod served_config;
pub mod state;
pub mod status;
pub mod transitions;
pub mod troubles;
pub mod writer;
