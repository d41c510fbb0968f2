//! Keys whose value is one word of a list. Words are compared without case.

use std::fmt;
use std::str::FromStr;

/// An enum of words: its names as they are written, and their reading.
macro_rules! choice {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$item_meta:meta])* $item:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name { $($(#[$item_meta])* $item,)+ }

        impl $name {
            pub const WORDS: &'static [(&'static str, $name)] = &[$(($word, $name::$item),)+];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($name::$item => $word,)+ })
            }
        }

        impl FromStr for $name {
            type Err = NoSuchWord;

            fn from_str(text: &str) -> Result<Self, NoSuchWord> {
                let found = Self::WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim()));
                found.map(|(_, item)| *item).ok_or_else(|| NoSuchWord(text.into()))
            }
        }
    };
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not one of the words allowed here")]
pub struct NoSuchWord(pub String);

choice! {
    /// How many copies at the target must have an item before its container may be deleted (R71).
    pub enum Constraint {
        None = "None",
        SecondCopy = "SecondCopy",
        SecondDatacenter = "SecondDatacenter",
        AllDatacenters = "AllDatacenters",
        AllCopies = "AllCopies",
        CiNoReplication = "CINoReplication",
        CiSecondCopy = "CISecondCopy",
        CiSecondDatacenter = "CISecondDatacenter",
        CiAllDatacenters = "CIAllDatacenters",
        CiAllCopies = "CIAllCopies",
    }
}

impl Constraint {
    /// As the rules know it.
    pub fn rule(self) -> mailferry_rules::guarantee::Constraint {
        self.to_string().parse().unwrap_or_default()
    }
}

choice! {
    /// The least level that is written.
    pub enum LogLevel {
        Error = "error",
        Warning = "warning",
        Info = "info",
        Debug = "debug",
    }
}

impl LogLevel {
    pub fn level(self) -> crate::ports::Level {
        match self {
            LogLevel::Error => crate::ports::Level::Error,
            LogLevel::Warning => crate::ports::Level::Warning,
            LogLevel::Info => crate::ports::Level::Info,
            LogLevel::Debug => crate::ports::Level::Debug,
        }
    }
}

choice! {
    /// Lines for people, or one JSON object per line.
    pub enum LogFormat {
        Text = "text",
        Json = "json",
    }
}
