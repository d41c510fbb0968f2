//! Which of the waiting requests goes first.

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Priority {
    Lowest,
    Lower,
    Low,
    #[default]
    Normal,
    High,
    Higher,
    Highest,
    Emergency,
}

impl Priority {
    pub const ALL: [Priority; 8] = [
        Priority::Lowest,
        Priority::Lower,
        Priority::Low,
        Priority::Normal,
        Priority::High,
        Priority::Higher,
        Priority::Highest,
        Priority::Emergency,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Priority::Lowest => "Lowest",
            Priority::Lower => "Lower",
            Priority::Low => "Low",
            Priority::Normal => "Normal",
            Priority::High => "High",
            Priority::Higher => "Higher",
            Priority::Highest => "Highest",
            Priority::Emergency => "Emergency",
        }
    }

    pub fn named(name: &str) -> Option<Priority> {
        Priority::ALL.into_iter().find(|priority| priority.name().eq_ignore_ascii_case(name))
    }
}
