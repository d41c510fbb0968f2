//! What the engine may ask of the outside. Every port has a body in the operating system (`mailferry-host`,
//! `mailferry-stores`) and one in memory (`mailferry-sim`); both pass the same suite (`crates/conformance`).

mod events;
mod flow;
mod guarantee;
mod share;
mod store;
mod survey;
mod world;

pub use events::{Event, EventSink, Level};
pub use flow::{MailFlow, NoSwitch, Switching};
pub use guarantee::{DataGuarantee, StoresWithoutCopies};
pub use share::{Claim, Entry, PartWriter, ReadSeek, Removed, Share, ShareError, ShareErrorKind, SharePath, Space, Vouched};
pub use store::Stores;
pub use store::{
    Appended, Blast, Counted, Delta, KeepsBeside, Lack, MailSource, MailTarget, May, NewItem, OpenItem, Quota, Retry, SeenBeside, SeenItem,
    ShownAs, Shut, StoreError, Walked, Wanted,
};
pub use survey::{Naming, Standing, TargetSurvey};
pub use world::{Clock, Role, RolePort, Steps, UnwatchedSteps};
