//! Labels: what an image's author wrote on it, key by key.
//!
//! In: one JSON object whose shape `json` has bounded. Out: keys and values in the order of the file.
//! Never: changes a value, except that one which is not a string becomes its JSON text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Most labels of one image or app.
pub const MAX_LABELS: usize = 512;

/// An ordered map of text to text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Vec<(String, String)>);

impl Labels {
    /// The value of exactly this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// The value of this key, upper and lower case ASCII letters being the same; the exact spelling wins.
    #[must_use]
    pub fn get_ignore_case(&self, key: &str) -> Option<&str> {
        self.get(key).or_else(|| self.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value))
    }

    /// Keys and values, in the order of the image.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of all keys and values.
    pub(super) fn bytes(&self) -> usize {
        self.iter().map(|(key, value)| key.len() + value.len()).sum()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Labels {
    /// A key that comes twice keeps its first place and its last value, as in Go's maps.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut labels: Vec<(String, String)> = Vec::new();
        for (key, value) in pairs {
            let key = key.into();
            match labels.iter_mut().find(|(known, _)| *known == key) {
                Some(entry) => entry.1 = value.into(),
                None => labels.push((key, value.into())),
            }
        }
        Self(labels)
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of labels")
            }

            fn visit_unit<E: Error>(self) -> Result<Labels, E> {
                Ok(Labels::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut pairs = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, serde_json::Value>()? {
                    if pairs.len() >= MAX_LABELS {
                        return Err(A::Error::custom(TOO_MANY));
                    }
                    pairs.push((
                        key,
                        match value {
                            serde_json::Value::String(text) => text,
                            other => other.to_string(),
                        },
                    ));
                }
                Ok(pairs.into_iter().collect())
            }
        }
        deserializer.deserialize_any(Pairs)
    }
}

/// How the visitor tells its caller that there are more than [`MAX_LABELS`].
pub(super) const TOO_MANY: &str = "too many labels";

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Labels {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn order_case_and_values() {
        let labels =
            parse(r#"{"Maintainer":"Amy","b":1,"a":null,"list":[1, {"x":"ü"}],"f":1.0,"maintainer":"Bob","t":true}"#);
        let pairs: Vec<_> = labels.iter().collect();
        assert_eq!(
            pairs,
            [
                ("Maintainer", "Amy"),
                ("b", "1"),
                ("a", "null"),
                ("list", r#"[1,{"x":"ü"}]"#),
                ("f", "1.0"),
                ("maintainer", "Bob"),
                ("t", "true"),
            ]
        );
        assert_eq!(labels.get("maintainer"), Some("Bob"));
        assert_eq!(labels.get_ignore_case("MAINTAINER"), Some("Amy"));
        assert_eq!(labels.get_ignore_case("maintainer"), Some("Bob"));
        assert_eq!(labels.get("MAINTAINER"), None);
        assert_eq!(labels.bytes(), serde_json::to_string(&labels).unwrap().len() - 7 * 6 - 1 - 4);
    }

    #[test]
    fn the_last_of_a_repeated_key_counts() {
        let labels = parse(r#"{"a":"1","b":"2","a":"3"}"#);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "3"), ("b", "2")]);
        assert_eq!(serde_json::to_string(&labels).unwrap(), r#"{"a":"3","b":"2"}"#);
    }

    #[test]
    fn null_is_none_and_other_things_are_errors() {
        assert!(parse("null").is_empty());
        for bad in ["[]", "1", "\"x\"", "{\"a\":}", "{1:2}"] {
            assert!(serde_json::from_str::<Labels>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn so_many_and_no_more() {
        let make = |count: usize| {
            let pairs: Vec<String> = (0..count).map(|n| format!("\"k{n}\":\"v\"")).collect();
            serde_json::from_str::<Labels>(&format!("{{{}}}", pairs.join(",")))
        };
        assert_eq!(make(MAX_LABELS).unwrap().len(), MAX_LABELS);
        assert!(make(MAX_LABELS + 1).unwrap_err().to_string().starts_with(TOO_MANY));
    }
}
