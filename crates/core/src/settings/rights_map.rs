//! Who has which name at the target: `anna=a.kurz bob@old.example=rob @old.example=@new.example`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::key::Value;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RightsMap(BTreeMap<String, String>);

impl RightsMap {
    /// The name at the target. A name that is denied rights (`-anna`, RFC 4314) stays one. Names are compared as they are written.
    pub fn of(&self, who: &str) -> String {
        match who.strip_prefix('-') {
            Some(denied) => format!("-{}", self.name(denied)),
            None => self.name(who),
        }
    }

    fn name(&self, who: &str) -> String {
        let whole = self.0.get(who).cloned();
        let domain = || {
            let at = who.rfind('@').filter(|at| *at > 0)?;
            Some(format!("{}{}", &who[..at], self.0.get(&who[at..])?))
        };
        whole.or_else(domain).unwrap_or_else(|| who.to_owned())
    }
}

/// Of two sides that are no names, or one name twice, nobody could tell what is meant.
impl FromStr for RightsMap {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut map = BTreeMap::new();
        for pair in text.split_ascii_whitespace() {
            let (old, new) = pair.split_once('=').ok_or(())?;
            let is_name = |name: &str| !name.is_empty() && !name.starts_with('-') && name != "@" && !name.contains(['=', ',', ';']);
            let (of_domain, to_domain) = (old.starts_with('@'), new.starts_with('@'));
            if !is_name(old) || !is_name(new) || of_domain != to_domain || map.insert(old.to_owned(), new.to_owned()).is_some() {
                return Err(());
            }
        }
        Ok(RightsMap(map))
    }
}

impl fmt::Display for RightsMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|(old, new)| format!("{old}={new}")).collect();
        f.write_str(&pairs.join(" "))
    }
}

impl Value for RightsMap {
    fn read(text: &str, _: Option<RangeInclusive<Self>>) -> Option<Self> {
        (text.len() <= 65_536).then(|| text.parse().ok()).flatten()
    }

    fn allowed(_: Option<RangeInclusive<Self>>) -> String {
        "pairs of names with blanks between them, each written old=new or @old.example=@new.example".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_before_its_domain_and_who_is_denied_stays_denied() {
        let map: RightsMap = "anna=a.kurz bob@old=rob @old=@new".parse().expect("a map");
        for (who, at_target) in
            [("anna", "a.kurz"), ("-anna", "-a.kurz"), ("bob@old", "rob"), ("eve@old", "eve@new"), ("-eve@old", "-eve@new"), ("x@y", "x@y")]
        {
            assert_eq!(map.of(who), at_target);
        }
        let dashes = "-".repeat(1_000_000);
        assert_eq!(map.of(&dashes), dashes, "no server can exhaust the stack");
        assert_eq!(map.to_string().parse(), Ok(map));
    }

    #[test]
    fn what_could_be_meant_in_two_ways_is_refused() {
        for text in ["anna", "=x", "x=", "a=b a=c", "@old=new", "old=@new", "-a=b", "a=b=c", "@=@new", "a=b,c=d"] {
            assert_eq!(text.parse::<RightsMap>(), Err(()), "{text}");
        }
    }
}
